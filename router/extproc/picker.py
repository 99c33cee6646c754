"""The decision behind one call: what it asks for, whom it may go to, and how the answer is told."""

import numpy as np

from policies.decision import Queue, Shed
from policies.fleet import MODEL, READY, ROLE, RUNNING, WAITING
from router.core import NOBODY, Core, Placement
from router.counting import count_now
from router.extproc.answers import ENDPOINT, Destination, endpoint_metadata, response_headers, set_header
from router.extproc.call import Call
from router.extproc.messages import DUPLEX, STREAMED
from router.gateway import body as bodies
from router.gateway.body import Limits
from router.order import OBJECTIVE, SESSION, SLO, TENANT, Order, told
from router.refusals import TABLE, error_body
from router.rewriting import renamed
from router.settings import Settings
from weir.tokenizer import Tokenizer

JSON = (b"content-type", b"application/json")
MODEL_NAME, RENAMED, PREFILLER = b"x-gateway-model-name", b"x-gateway-model-name-rewrite", b"x-prefiller-host-port"
MOST_REMEMBERED = 4096  # endpoints whose answers are kept as bytes


class Picker:
    """Turns calls into orders, and placements into endpoints."""

    __slots__ = ("_limits", "_spares", "_spares_of", "_stamps", "_told", "core", "settings")

    def __init__(self, core: Core, settings: Settings) -> None:
        self.core, self.settings = core, settings
        self._limits = Limits(settings.max_output_tokens, settings.max_choices)
        self._told: dict[str, Destination] = {}
        self._stamps: dict[str, bytes] = {}
        self._spares: dict[tuple[float, float], list[int]] = {}  # by model and role
        self._spares_of: dict[int, list[int]] = {}  # the same by row

    def read(self, call: Call, path: bytes, request_id: str) -> Tokenizer | None:
        """Note what a call asks for; returns the vocabulary that is to count its tokens off the loop, if any.

        Raises `BadRequest`.
        """
        order = bodies.parse(path, call.body, request_id, self._limits)
        self._note(call, order)
        wanted = self.core.rewriting.target(order.model, request_id)
        if wanted != order.model:
            order.model, call.rewritten = wanted, renamed(call.body, wanted)
        return count_now(order, self.core.models.get(order.model))

    def blind(self, call: Call, request_id: str) -> None:
        """Note what a call asks for without its body: the model from a header, or the only one there is."""
        model = told(call.headers, (MODEL_NAME,))
        if not model and len(self.core.models) == 1:
            model = next(iter(self.core.models))
        self._note(call, Order(request_id, model, b"", stream=True, prompt_tokens=1))

    def place(self, call: Call, now: float) -> Placement | Queue | Shed:
        """Ask the core, with what the data plane does not allow hidden from it."""
        order, core = call.order, self.core
        assert order is not None
        hidden = None
        if call.allowed is not None:
            call.hidden = self._beyond(call.allowed)
            hidden = core.view.without(call.hidden)
        decision = core.place(order, now)
        if hidden:
            core.view.restore(hidden)
        if isinstance(decision, Placement) and decision.splice and b'"retention_directives"' not in call.body:
            body = call.body if call.rewritten is None else call.rewritten
            call.rewritten = body[: body.rindex(b"}")] + b"," + decision.splice + b"}"
        return decision

    def destination(self, call: Call, placement: Placement) -> Destination:
        """How the answer says where a placed request goes."""
        replica, row = placement.replica, placement.row
        extra = b""
        if placement.decode not in (row, -1):
            decoder = self.core.fleet.replicas[placement.decode]
            assert decoder is not None
            extra = set_header(PREFILLER, replica.address.encode())
            replica, row = decoder, placement.decode
        if call.rewritten is not None:
            extra += set_header(RENAMED, placement.order.model.encode())
            if call.request_mode not in (DUPLEX, STREAMED):
                extra += set_header(b"content-length", str(len(call.rewritten)).encode())
        endpoint = replica.address
        spare = self._spare(call, placement, row) if self.settings.ext_proc_fallbacks else ""
        if spare:
            endpoint += spare
        found = self._told.get(endpoint)
        if found is None:
            if len(self._told) >= MOST_REMEMBERED:
                self._told.clear()
            raw = endpoint.encode()
            found = self._told[endpoint] = Destination(set_header(ENDPOINT, raw), endpoint_metadata(raw))
        return Destination(found.mutation + extra, found.metadata) if extra else found

    def stamp(self, replica: str) -> bytes:
        """The answer to the headers of a reply: who gave it."""
        found = self._stamps.get(replica)
        if found is None:
            if len(self._stamps) >= MOST_REMEMBERED:
                self._stamps.clear()
            found = self._stamps[replica] = response_headers(set_header(b"x-weir-replica", replica.encode()))
        return found

    def served(self, placement: Placement, endpoint: str) -> None:
        """Which endpoint served a request in the end: if another than the first, that one failed the data plane."""
        core = self.core
        if not endpoint or endpoint == placement.replica.address or placement.decode not in (placement.row, -1):
            return
        core.metrics.retried("data plane")
        core.view.suspend(placement.row, placement.sent_at + self.settings.suspend_s)
        for row in core.fleet.rows.values():
            replica = core.fleet.replicas[row]
            if replica is not None and replica.address == endpoint:
                core.view.hand_over(placement.load, row)
                placement.row, placement.decode, placement.replica = row, row, replica
                return

    def anybody(self, hidden: frozenset[int]) -> bool:
        """Whether the fleet has a replica that is not hidden."""
        return any(row not in hidden for row in self.core.fleet.rows.values())

    def forget_spares(self) -> None:
        """Loads have changed: who is spare is looked up again."""
        self._spares.clear()
        self._spares_of.clear()

    def refusal(self, shed: Shed, order: Order | None) -> tuple[int, list[tuple[bytes, bytes]], bytes, str]:
        """Status, headers, body and details of a refusal, worded as the gateway words it."""
        core, reason = self.core, shed.reason
        core.metrics.refused(reason.value)
        name = order.model if order is not None else ""
        model = core.models.get(name)
        limit = model.context_limit if model else 0
        tokens = round(model.estimate.prompt_tokens(order.text_bytes)) if model and order else 0
        if order is not None and order.tokens:
            tokens = len(order.tokens)
        words: dict[str, object] = {
            "model": repr(name), "limit": limit, "tokens": tokens, "max_tokens": order.max_tokens if order else 0,
        }  # fmt: skip
        worded = TABLE[reason]
        headers = [JSON, (b"x-weir-refused", reason.value.encode())]
        if order is not None:
            headers.append((b"x-request-id", order.id.encode()))
        if worded.status in (429, 503):
            headers.append((b"retry-after", str(max(round(shed.retry_after_s), 1)).encode()))
        body = error_body(worded.message.format(**words), worded.kind, reason.value)
        return worded.status, headers, body, reason.value

    def _note(self, call: Call, order: Order) -> None:
        headers = call.headers
        order.session = told(headers, SESSION) or order.session
        order.tenant, order.slo = told(headers, TENANT), told(headers, SLO)
        self.core.promises.weigh(order, told(headers, OBJECTIVE))
        call.order, call.streams = order, order.stream

    def _beyond(self, allowed: list[str]) -> frozenset[int]:
        """The rows of replicas that are not among the allowed endpoints."""
        replicas = self.core.fleet.replicas
        return frozenset([row for row, each in enumerate(replicas) if each is not None and each.address not in allowed])

    def _spare(self, call: Call, placement: Placement, row: int) -> str:
        """The endpoint to try next, behind a comma: of those alike the least loaded one of the last tick."""
        found = self._spares_of.get(row)
        if found is None:
            found = self._spares_of[row] = self._alike(row)
        lacking = self.core.adapters.lacking(placement.model.name) if placement.model.adapter else NOBODY
        for other in found:
            if other != row and other not in call.hidden and other not in lacking:
                replica = self.core.fleet.replicas[other]
                if replica is not None:
                    return "," + replica.address
        return ""

    def _alike(self, row: int) -> list[int]:
        """The ready rows of a row's model and role, the least loaded first."""
        table = self.core.fleet.table
        key = float(table[row, MODEL]), float(table[row, ROLE])
        if key in self._spares:
            return self._spares[key]
        rows = np.flatnonzero((table[:, READY] > 0.0) & (table[:, MODEL] == key[0]) & (table[:, ROLE] == key[1]))
        busy = table[rows, RUNNING] + table[rows, WAITING]
        found = self._spares[key] = [int(other) for other in rows[np.argsort(busy, kind="stable")]]
        return found
