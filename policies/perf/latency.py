"""The latency, cost and power of one replica: one model on so many GPUs of one kind."""

from dataclasses import dataclass
from math import ceil

from policies.perf.step import step_seconds

# Splitwise's A100 runs draw 46, 66, 75 and 99 % of the power limit at 128, 256, 512 and 2,048 prompt tokens a step.
FULL_POWER_TOKENS = 1024.0
POWER_EXPONENT = 0.37

POWER_CONTEXT = 1536.0
"""Tokens a sequence holds on average in the measured power runs (1,024 in, 1,024 out)."""

WARM_UP_S = 35.0
"""Seconds from weights read to ready: graph capture; an estimate, the middle of 10-60 s."""

DISK_BYTES_PER_S = 6.5e9
"""One NVMe drive on four lanes of PCIe 4.0, reading in sequence: what data sheets of server drives say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyModel:
    """Coefficients of one replica in seconds, bytes, watts, joules and tokens; power and price are the whole replica's.

    `sources` pairs each number's name with where it comes from.
    """

    base_s: float  # a decode step's fixed part: weights read once
    sequence_s: float  # each decoding sequence
    context_s: float  # each KV token attended to by a decoding sequence
    expert_s: float  # each distinct expert touched, all layers together
    experts: float  # routed experts a layer; 0 for a dense model
    top_k: float  # experts a token chooses
    prefill_base_s: float  # the fixed part of a step that only computes prompts
    token_s: float  # each new prompt token
    attention_s: float  # each pair of a new token and a token before it
    slowdown: float  # the engine's steps over the kernels' sum
    host_s: float  # host work for each decoding sequence and step
    frontend_s: float  # once a request: gateway, tokenizer, first token to wire; not engine time
    chunk_tokens: int  # tokens one step may compute
    max_seqs: int  # requests that may run at once
    kv_tokens: int  # KV tokens that fit beside the weights
    kv_bytes_per_token: float  # one copy, as transferred
    weight_bytes: float
    gpus: int
    price_per_hour: float  # dollars
    idle_w: float  # engine resident, nothing running
    busy_w: float  # decoding at batch 1
    sequence_j: float  # each decoding sequence and step, above busy_w
    context_j: float  # each KV token read in a step, above busy_w
    limit_w: float
    transfer_bytes_per_s: float  # KV to another replica, one link, one direction
    transfer_base_s: float  # set-up of one such transfer
    encode_token_s: float = 0.0  # each visual token that the encoder computes; 0 where the model sees no images
    embedding_bytes: float = 0.0  # of one visual token, encoded
    host_bytes_per_s: float  # to and from host memory, all GPUs together, one direction
    disk_bytes_per_s: float = DISK_BYTES_PER_S  # from a local disk to host memory
    measured: bool  # whether the step coefficients were fitted to measurements of this very combination
    sources: tuple[tuple[str, str], ...]

    def step(self, batch: float, context: float, prefill_tokens: float = 0.0, attended: float = 0.0) -> float:
        """Seconds of one engine step, see `policies.perf.step.step_seconds`."""
        return step_seconds(
            self.base_s, self.sequence_s, self.context_s, self.expert_s, self.experts, self.top_k,
            self.prefill_base_s, self.token_s, self.attention_s, self.slowdown, self.host_s,
            batch, context, prefill_tokens, attended,
        )  # fmt: skip

    def encode_seconds(self, visual_tokens: float) -> float:
        """Seconds of an engine step that encoding so many visual tokens adds to it."""
        return self.slowdown * self.encode_token_s * visual_tokens

    def decode_seconds(self, batch: float, context: float) -> float:
        """Seconds of one step in which `batch` sequences, holding `context` tokens in sum, gain a token each."""
        return self.step(batch, context)

    def prefill_seconds(self, new_tokens: float, cached_tokens: float = 0.0) -> float:
        """Engine seconds of one prompt alone, chunk after chunk; cached tokens are attended to, not computed."""
        steps = ceil(new_tokens / self.chunk_tokens)
        # Σ nᵢ·(ctxᵢ + nᵢ/2) over consecutive chunks telescopes to that of one chunk.
        attended = new_tokens * (cached_tokens + new_tokens / 2.0)
        seconds = self.prefill_base_s * steps + self.token_s * new_tokens + self.attention_s * attended
        return self.slowdown * seconds

    def watts(self, batch: float, context: float | None = None, prefill_tokens: float = 0.0) -> float:
        """Watts of the whole replica during such steps; `context` defaults to 1,536 tokens a sequence."""
        held = POWER_CONTEXT * batch if context is None else context
        return min(self.limit_w, max(self.idle_w, self._decode_watts(batch, held), self._prefill_watts(prefill_tokens)))

    def _decode_watts(self, batch: float, context: float) -> float:
        if batch <= 0.0:
            return self.idle_w
        joules = self.sequence_j * batch + self.context_j * context
        return self.busy_w + joules / self.decode_seconds(batch, context)

    def _prefill_watts(self, prefill_tokens: float) -> float:
        return float(self.limit_w * min(1.0, prefill_tokens / FULL_POWER_TOKENS) ** POWER_EXPONENT)

    def transfer_seconds(self, tokens: float) -> float:
        """Seconds to send the KV of so many tokens to another replica over an idle link; nothing takes no time."""
        if tokens <= 0.0:
            return 0.0
        return self.transfer_base_s + tokens * self.kv_bytes_per_token / self.transfer_bytes_per_s

    def load_seconds(self, read_bytes_per_s: float) -> float:
        """Seconds from process start to ready when weights are read at that rate."""
        return self.weight_bytes / read_bytes_per_s + WARM_UP_S
