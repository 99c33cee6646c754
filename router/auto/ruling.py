"""What the front process does for "auto": keeps the rules proved and the classifier running where they need one."""

import asyncio
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any

import msgspec

from policies.select import learners
from policies.select.rules.build import ruleset
from policies.select.rules.deciding import needed
from policies.select.rules.known import is_learned, signals
from router.auto.canary_metrics import canary_metrics
from router.auto.evidence import Evidence
from router.auto.proved import message_of
from router.auto.untrained import sentences, untrained
from router.auto.watch import Watch
from router.classify.heads import heads_folder
from router.classify.keeper import Keeper, Kept
from router.frames import LESSONS, RULES
from weir.supervise import supervised

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

LOOK_S = 0.5


class Ruling:
    """One rules file, and one classifier for all workers."""

    def __init__(self, rules: Path, fleet: Path | None, models: str = "", clock: Callable[[], float] = time) -> None:
        """Prove the rules a first time; raises `BadFile`."""
        self._watch = Watch(rules, partial(message_of, fleet=fleet, heads=models), _complain)
        self._rules, self._models, self._clock = rules, models, clock
        self._learn: Any = None
        self.evidence: Evidence | None = None
        self._take()
        self._say_untrained()
        self._folder = tempfile.TemporaryDirectory(prefix="weir-")
        self.socket = str(Path(self._folder.name) / "classifier")
        self._keeper = Keeper(Kept(socket=self.socket, models=models))
        self._keeping: asyncio.Task[None] | None = None

    @property
    def message(self) -> bytes:
        """The rules that serve."""
        return self._watch.message

    def messages(self) -> list[bytes]:
        """What a worker that starts is told: the rules, and what was learned by now."""
        return [RULES + self.message, *(self.evidence.messages() if self.evidence is not None else ())]

    def heard(self, message: bytes) -> list[bytes]:
        """A worker told the others something; returns what all are to be told because of it."""
        if self.evidence is None or message[:1] != LESSONS:
            return []
        return self.evidence.heard(message[1:], self._clock())

    def collect(self) -> Iterator["Metric"]:
        """Where the canary stands, for Prometheus."""
        return iter(canary_metrics(self.evidence.canary if self.evidence is not None else None))

    async def run(self, tell: Callable[[bytes], None]) -> None:
        """Look at the file again and again; `tell` takes what workers are to be told."""
        try:
            await supervised("looking at the rules", partial(self._look_on, tell))
        finally:
            if self._keeping is not None:
                self._keeping.cancel()
                await asyncio.wait([self._keeping])
            self._folder.cleanup()

    async def _look_on(self, tell: Callable[[bytes], None]) -> None:
        while True:
            self._keep_classifier()
            await asyncio.sleep(LOOK_S)
            found = await asyncio.to_thread(self._watch.look)
            if found is not None:
                self._say_untrained()
                for message in self.messages() if self._take() else [RULES + found]:
                    tell(message)
            for message in self.evidence.again(self._clock()) if self.evidence is not None else ():
                tell(message)

    def _take(self) -> bool:
        """Keep evidence as these rules say; whether the learner is another now: the same one keeps what it has."""
        learn = msgspec.json.decode(self.message).get("learn")
        if learn == self._learn:
            return False
        self._learn = learn
        self.evidence = None if learn is None else Evidence(learn, self._rules.parent, self._clock(), _complain)
        return True

    def _say_untrained(self) -> None:
        """Say which signals nobody has trained a head for: what reads them never fires."""
        plain = msgspec.json.decode(self.message)
        folder = Path(self._models) if self._models else heads_folder()
        for said in sentences(self._rules, untrained(ruleset(plain), plain.get("learn"), folder)):
            _complain(said)

    def _keep_classifier(self) -> None:
        if self._keeping is None and needs_classifier(self.message):
            self._keeping = asyncio.get_running_loop().create_task(
                supervised("keeping the classifier", self._keeper.run)
            )


def needs_classifier(message: bytes) -> bool:
    """Whether some rule reads a learned signal or compares meanings, or the learner does."""
    plain, known = msgspec.json.decode(message), signals()
    learn, rules = plain.get("learn"), ruleset(plain)
    if learn is not None and (learners.wanted(learn) or learn.get("verdicts", {}).get("next_turn")):
        return True
    learned = any(is_learned(name, known) for name in needed(rules))
    caches = [answer.effects.cache for answer in (rules.fallback, *(rule.answer for rule in rules.rules))]
    chooses = rules.sessions is not None and rules.sessions.tool_choice is not None
    return learned or chooses or any(one is not None and one.semantic for one in caches)


def _complain(said: str) -> None:
    print(said, file=sys.stderr)  # noqa: T201
