"""Feedback on decisions: an id that only this router can make, good for one verdict of the tenant it was made for."""

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable, Iterable
from enum import Enum
from itertools import count

import msgspec

from policies.request import hash31

KEPT_S = 86_400.0  # how long a decision may be judged
MOST = 1 << 18  # verdicts that are remembered; older ones are too old before they are forgotten
SIGNED = 16  # hex digits of a signature


class Verdict(Enum):
    """What becomes of feedback: status, and a sentence for the client."""

    TAKEN = (202, "Taken.")
    MALFORMED = (
        400,
        'Send {"decision": the reply\'s x-weir-decision, "rating": a number from 0 to 1}, and "against": another '
        "decision, where two answers were compared.",
    )
    FOREIGN = (403, "This decision was another tenant's.")
    UNKNOWN = (404, "There is no such decision, or it is too long ago.")
    REPLAYED = (409, "This decision has been judged already; the first verdict stands.")

    @property
    def status(self) -> int:
        """The reply's status."""
        return self.value[0]

    @property
    def sentence(self) -> str:
        """What the client is told."""
        return self.value[1]


class Given(msgspec.Struct, gc=False):
    """A feedback's body."""

    decision: str
    rating: float  # 0..1; of the first answer where two are compared
    against: str = ""  # another decision on the same question, whose answer it is compared with


_given = msgspec.json.Decoder(Given).decode


def given(body: bytes) -> Given | None:
    """A feedback, or nothing where it is none."""
    try:
        found = _given(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return found if 0.0 <= found.rating <= 1.0 else None


class Ledger:
    """Makes decisions' ids and takes verdicts on them."""

    def __init__(self, key: bytes, clock: Callable[[], float], worker: int = 0) -> None:
        self._key, self._clock, self._worker = key, clock, worker
        self._numbers = count(1)
        self._judged: OrderedDict[str, float] = OrderedDict()

    def begin(self) -> str:
        """What a new decision is called before its model is chosen: never the same twice."""
        return f"d{int(self._clock()):x}-{self._worker:x}-{next(self._numbers):x}"

    def decision(self, tenant: str, begun: str = "", model: str = "") -> str:
        """The id of a decision, which tells whose it is and, to whoever knows the models, which was chosen."""
        told = f"{begun or self.begin()}-{_hash(model):08x}-{_hash(tenant):08x}"
        return f"{told}-{self._signature(told)}"

    def judge(self, decision: str, tenant: str, against: str = "") -> Verdict:
        """Take one verdict on a decision, or on two that were compared, or say why not."""
        found = [self._look(one, tenant) for one in (decision, *([against] if against else []))]
        wrong = next((one for one in found if one is not Verdict.TAKEN), None)
        if wrong is not None:
            return wrong
        name = "|".join(sorted((decision, against))) if against else decision
        if name in self._judged:
            return Verdict.REPLAYED
        self.judged(name)
        return Verdict.TAKEN

    @staticmethod
    def chose(decision: str, models: Iterable[str]) -> str:
        """Which of these models a decision of this router chose; empty where it was none of them."""
        parts = decision.split("-")
        return next((one for one in models if len(parts) > 3 and f"{_hash(one):08x}" == parts[3]), "")

    def _look(self, decision: str, tenant: str) -> Verdict:
        """Whether a decision was made here, lately, for that tenant."""
        told, _, signature = decision.rpartition("-")
        if not told or not hmac.compare_digest(self._signature(told).encode(), signature.encode(errors="replace")):
            return Verdict.UNKNOWN
        made_at, _, rest = told.removeprefix("d").partition("-")
        if self._clock() - int(made_at, 16) > KEPT_S:
            return Verdict.UNKNOWN
        if rest.rpartition("-")[2] != f"{_hash(tenant):08x}":
            return Verdict.FOREIGN
        return Verdict.TAKEN

    def judged(self, decision: str) -> None:
        """A decision has its verdict, here or at another worker."""
        self._judged[decision] = self._clock()
        if len(self._judged) > MOST:
            self._judged.popitem(last=False)

    def _signature(self, told: str) -> str:
        return hmac.new(self._key, told.encode(errors="replace"), hashlib.sha256).hexdigest()[:SIGNED]


def _hash(tenant: str) -> int:
    return hash31(tenant) if tenant else 0
