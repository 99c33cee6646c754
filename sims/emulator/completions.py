"""From a request's body to choices in the engine."""

from array import array
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from uuid import uuid4

from sims.emulator.answer import Answer, answer, begun
from sims.emulator.asked import Asked, ChatBody, TextBody, asked, chat_body, messages, prompts, text_body
from sims.emulator.connection import Exchange
from sims.emulator.driver import Driver
from sims.emulator.frames import DONE, ChatFrames, Frames, TextFrames
from sims.emulator.handover import Params, Wire, offered
from sims.emulator.hashes import block_hashes
from sims.emulator.logged import Logged, Sureness
from sims.emulator.refusal import Refusal, asks_too_much, too_long, unknown_model
from sims.emulator.replica import EmulatedReplica
from sims.emulator.reply import Choice, Reply
from sims.emulator.vocabulary import Piece, Vocabulary, vocabulary
from sims.replica.jobs import Impossible, Job
from weir.prompt import render

FIXED = "x-weir-emulate-output-tokens"
RIGHT = b"x-weir-emulate-right"


class Prompt:
    """A prompt as its ids and, where it was given as one, its text."""

    __slots__ = ("ids", "text")

    def __init__(self, given: str | list[int], words: Vocabulary) -> None:
        self.text = given if isinstance(given, str) else None
        self.ids = words.encode(given) if isinstance(given, str) else given


class Completions:
    """The two completion endpoints of one replica."""

    def __init__(self, spec: EmulatedReplica, driver: Driver, wire: Wire) -> None:
        self._spec, self._driver, self._wire = spec, driver, wire
        self._engine = uuid4().hex  # by which other replicas know it; another one after each start
        self._words = vocabulary(spec.tokenizer, spec.chat_template)
        self._serial = count()  # clients may use a request id twice, the engine may not

    def chat(self, exchange: Exchange) -> None:
        """POST /v1/chat/completions."""
        body = chat_body(exchange.request.body)
        text = render(messages(body), self._spec.chat_template)
        name = f"chatcmpl-{_name(exchange)}"
        frames = ChatFrames(name, body.model or self._spec.model)
        self._start(exchange, body, name, frames, [Prompt(text, self._words)])

    def text(self, exchange: Exchange) -> None:
        """POST /v1/completions."""
        body = text_body(exchange.request.body)
        name = f"cmpl-{_name(exchange)}"
        frames = TextFrames(name, body.model or self._spec.model)
        self._start(exchange, body, name, frames, [Prompt(given, self._words) for given in prompts(body)])

    def _start(
        self, exchange: Exchange, body: ChatBody | TextBody, name: str, frames: Frames, given: list[Prompt]
    ) -> None:
        if body.model is not None and body.model != self._spec.model:
            raise unknown_model(body.model)
        wanted = asked(body, exchange.request.headers.get(FIXED))
        reply = Reply(exchange, frames, sum(len(prompt.ids) for prompt in given), wanted.stream)
        reply.continuous_usage, reply.final_usage = wanted.continuous_usage, wanted.include_usage
        reply.token_ids, reply.lag = wanted.token_ids, max([len(stop) - 1 for stop in wanted.stop], default=0)
        identity, params = exchange.request.headers.get("x-request-id"), body.kv_transfer_params or {}
        moved = self._moved(params, given[0])
        if moved is None:
            self._failed(exchange, wanted.stream)
            return
        if params.get("do_remote_decode"):
            reply.before_end = lambda: self._offer(reply, name, given[0])
        for index in range(len(given) * wanted.choices):
            prompt = given[index // wanted.choices]
            reply.add(self._choice(reply, index, f"{name}-{next(self._serial)}", wanted, prompt, identity, moved))
        exchange.gone = lambda: self._driver.cancel(reply.choices)
        if wanted.stream:
            exchange.open()
        self._driver.submit(reply.choices, self._spec.perf.transfer_seconds(moved) if moved else 0.0)

    def _moved(self, params: Params, prompt: Prompt) -> int | None:
        """Tokens that come from another replica; None where they cannot be had and nobody computes them again."""
        if not params.get("do_remote_prefill"):
            return 0
        moved = self._wire.fetch(params, prompt.ids, self._driver.clock.now())
        return moved if moved or self._spec.recomputes else None

    def _failed(self, exchange: Exchange, stream: bool) -> None:
        """As vLLM tells, under `kv_load_failure_policy` fail, that a prompt could not be fetched."""
        told = Refusal(500, "Internal server error").body()
        if stream:
            exchange.open()
            exchange.end(b"data: %b\n\n" % told, DONE)
        else:
            exchange.reply(500, told)

    def _offer(self, reply: Reply, name: str, prompt: Prompt) -> None:
        """The prompt is computed: say where it waits, and for how long."""
        spec, now = self._spec, self._driver.clock.now()
        self._wire.expire(now)
        self._wire.offer(self._engine, name, prompt.ids, now + spec.lease_s)
        reply.rest["kv_transfer_params"] = offered(
            self._engine, name, spec.host, spec.port, len(prompt.ids), spec.block_tokens
        )

    def _choice(
        self, reply: Reply, index: int, name: str, wanted: Asked, prompt: Prompt, identity: str | None, moved: int
    ) -> Choice:
        room = self._room(len(prompt.ids), wanted.max_tokens)

        def key(ids: Sequence[int]) -> bytes:
            drawn = identity.encode() if identity and not wanted.greedy else array("I", ids).tobytes()
            return b"%b|%d|%d" % (drawn, wanted.seed or 0, index)

        before = begun(prompt.ids, key, self._words) if wanted.greedy else 0
        said = answer(wanted, room, key(prompt.ids[: len(prompt.ids) - before]), self._words, before)
        pieces: list[Piece] = list(zip(said.texts, said.ids, strict=True))
        ids = self._words.continued(prompt.text, prompt.ids, pieces)
        job = replace(self._job(name, prompt.ids, ids, said), remote_tokens=moved)
        try:
            self._driver.engine.check(job)
        except Impossible as error:
            raise Refusal(400, str(error)) from None
        return Choice(reply, index, job, said, prompt.ids, ids, self._logged(reply, wanted, prompt.ids, said))

    def _logged(self, reply: Reply, wanted: Asked, prompt: list[int], said: Answer) -> Logged | None:
        """How likely the answer's tokens were, where somebody asked; the reply's head then says whether it is right."""
        if wanted.top is None:
            return None
        sure = Sureness.of(prompt, self._spec.model)
        if not reply.choices:
            reply.exchange.lines.append(b"%b: %b" % (RIGHT, b"yes" if sure.right else b"no"))
        return Logged(answer=said, sure=sure, words=self._words, top=wanted.top)

    def _room(self, prompt: int, most: int | None) -> int:
        """Tokens the answer may have; raises `Refusal` when the context cannot hold prompt and answer."""
        limit = self._spec.context_limit
        if prompt < 1:
            raise Refusal(400, "The decoder prompt cannot be empty", "prompt")
        if prompt >= limit:
            raise too_long(limit, prompt)
        if most is not None and prompt + most > limit:
            raise asks_too_much(limit, prompt, most)
        return limit - prompt

    def _job(self, name: str, prompt: list[int], ids: list[int], said: Answer) -> Job:
        block = self._spec.block_tokens
        ahead = len(prompt) // block
        # The last token is never computed, so a block that it would fill is not cached.
        full = (len(prompt) + len(said.texts) - 1) // block
        hashes = block_hashes(ids[: full * block], block)
        if ids[: ahead * block] != prompt[: ahead * block]:
            # The seam moved inside a full block: what follows it is another chain than the prompt's own.
            hashes = block_hashes(prompt, block)
        return Job(
            id=name,
            prompt_tokens=len(prompt),
            output_tokens=len(said.texts),
            blocks=hashes[:ahead],
            output_blocks=hashes[ahead:],
        )


def _name(exchange: Exchange) -> str:
    return exchange.request.headers.get("x-request-id") or uuid4().hex
