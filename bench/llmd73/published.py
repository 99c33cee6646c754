"""What the benchmark was and what it reported.

Source: llm-d-kv-cache-manager d7fd2183, benchmarking/73-capacity/README.md (Apache-2.0): Qwen3-32B on 8 pods of two
H100 each with 307,328 KV tokens, inference-perf's shared_prefix load, gateway and Endpoint Picker of September 2025.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sims.engine.conditions import Conditions

PODS = 8
KV_TOKENS = 307_328
GROUPS, PROMPTS_PER_GROUP = 150, 5
OUTPUT_TOKENS = 1000
SYSTEM_TOKENS, QUESTION_TOKENS = 6320, 1264
"""6,000 and 1,200 random token ids, decoded to text and encoded again by the engine: 5.3 % more, as Qwen's vocabulary
gives; llm-d's guide reports 7,584 input tokens for this load (llm-d guides, precise prefix routing, 2025)."""

COUNTED_TOKENS = 937
"""Output tokens a request that inference-perf reports of the 1,000 generated: it encodes their text anew (the same)."""

WARM_UP = (15.0, 50.0)
LADDER = (
    (3.0, 20.0), (10.0, 20.0), (15.0, 20.0), (20.0, 38.0), (22.0, 34.0), (25.0, 30.0), (30.0, 25.0), (35.0, 21.0),
    (40.0, 38.0), (43.0, 36.0), (46.0, 33.0), (49.0, 30.0), (52.0, 29.0), (55.0, 27.0), (57.0, 26.0), (60.0, 25.0),
)  # fmt: skip
"""Requests a second and seconds of each stage; a stage begins when the one before has drained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """One policy's figures, a value a stage."""

    tokens_per_s: Sequence[float]  # output tokens over the stage's whole duration, its drain included
    ttft_s: Sequence[float]  # mean
    sent_per_s: Sequence[float]  # requests over the time it took to send them: what chance made of the stage's rate

    @property
    def throughput(self) -> float:
        """Mean over stages, unweighted: the report's headline."""
        return sum(self.tokens_per_s) / len(self.tokens_per_s)


PRECISE, APPROXIMATE, RANDOM, LOAD = "precise", "approximate", "random", "load"

REPORTED: Mapping[str, Reported] = {
    PRECISE: Reported(
        tokens_per_s=(1219.1, 3902.1, 5761.1, 9184.5, 9382.0, 9242.2, 9221.8, 9780.6, 10270.8, 10054.8, 10128.7,
                      10296.5, 10284.6, 10140.9, 10313.9, 10496.9),
        ttft_s=(0.291, 0.335, 0.249, 0.363, 0.300, 0.303, 0.296, 0.275, 0.269, 0.281, 0.293, 0.311, 0.288, 0.308,
                0.319, 0.283),
        sent_per_s=(2.620, 9.529, 15.544, 20.159, 22.003, 24.268, 30.992, 32.861, 40.431, 40.521, 44.630, 48.942,
                    52.371, 54.410, 57.655, 59.242),
    ),
    APPROXIMATE: Reported(
        tokens_per_s=(1310.9, 3842.4, 5152.9, 8082.6, 8415.7, 8445.1, 8435.9, 7443.5, 8045.9, 7969.6, 7695.2, 7455.9,
                      7452.3, 7100.7, 7013.8, 7247.9),
        ttft_s=(0.300, 0.271, 0.232, 0.329, 0.407, 0.370, 0.373, 2.780, 13.160, 16.941, 18.081, 19.111, 21.940, 22.327,
                23.423, 24.281),
        sent_per_s=(3.093, 9.386, 13.642, 19.593, 23.832, 24.510, 30.242, 35.050, 40.212, 43.120, 45.986, 48.461,
                    52.162, 55.860, 56.362, 60.508),
    ),
    RANDOM: Reported(
        tokens_per_s=(1314.0, 3568.5, 3791.1, 4933.1, 4765.4, 4781.3, 4636.3, 4332.6, 4773.8, 4844.6, 4969.5, 4783.2,
                      4845.1, 4921.7, 4764.2, 4835.2),
        ttft_s=(0.622, 0.826, 1.278, 25.073, 28.185, 30.689, 32.212, 34.043, 54.196, 53.247, 53.572, 56.130, 56.035,
                54.844, 56.803, 57.426),
        sent_per_s=(2.752, 9.564, 16.484, 18.838, 21.986, 23.400, 30.368, 36.403, 41.192, 42.775, 47.578, 48.305,
                    51.544, 53.552, 55.068, 56.912),
    ),
    LOAD: Reported(
        tokens_per_s=(1274.8, 3607.0, 3348.4, 4902.5, 4785.5, 4872.8, 4888.7, 4660.7, 4946.4, 4973.3, 4723.6, 4004.8,
                      3991.0, 4671.9, 3866.5, 4745.1),
        ttft_s=(0.944, 2.241, 4.013, 29.229, 28.710, 32.534, 32.831, 33.874, 53.545, 53.802, 56.746, 55.208, 58.807,
                58.467, 61.750, 58.497),
        sent_per_s=(2.997, 10.469, 15.152, 22.157, 21.469, 25.597, 29.711, 35.167, 39.019, 40.143, 46.688, 49.162,
                    54.050, 54.779, 55.837, 59.971),
    ),
}  # fmt: skip

MOST_IN_FLIGHT = 1024
"""Requests that the gateway lets through at once, the others are answered 503: Envoy's default circuit breaker
(max_requests), which kgateway left in place in 2025 (kgateway issue 11416). The report shows it: its stages of 1,500
requests have TTFTs and queues of about a thousand."""

SCRAPE_S = 0.05  # between two scrapes of a pod's metrics by the Endpoint Picker
LATE_S = Conditions().staleness_s  # from a scrape to its being used: not published, so what Weir assumes everywhere
HASH_BLOCK_TOKENS = 10  # hashBlockSize is 64 characters; those random tokens have 6.1 bytes
MATCH_TOKENS = 256 * HASH_BLOCK_TOKENS  # maxPrefixBlocksToMatch
HISTORY_TOKENS = 31_250 * HASH_BLOCK_TOKENS  # lruCapacityPerServer
MAX_SEQS = 1024  # vLLM's default on H100
HOST_S = 25e-6  # host work a sequence and step, as in llm-d's 2025 profile of vLLM on H100: ITL = 6.96 + 0.042 B ms
