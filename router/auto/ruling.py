"""What the front process does for "auto": keeps the rules proved and the classifier running where they need one."""

import asyncio
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from policies.select.rules.build import ruleset
from policies.select.rules.deciding import needed
from policies.select.rules.known import is_learned, signals
from router.auto.proved import message_of
from router.auto.watch import Watch
from router.classify.keeper import Keeper, Kept

LOOK_S = 0.5


class Ruling:
    """One rules file, and one classifier for all workers."""

    def __init__(self, rules: Path, fleet: Path | None, models: str = "") -> None:
        """Prove the rules a first time; raises `BadFile`."""
        self._watch = Watch(rules, partial(message_of, fleet=fleet), _complain)
        self._folder = tempfile.TemporaryDirectory(prefix="weir-")
        self.socket = str(Path(self._folder.name) / "classifier")
        self._keeper = Keeper(Kept(socket=self.socket, models=models))
        self._keeping: asyncio.Task[None] | None = None

    @property
    def message(self) -> bytes:
        """The rules that serve."""
        return self._watch.message

    async def run(self, tell: Callable[[bytes], None]) -> None:
        """Look at the file again and again; `tell` takes rules that are new and proved."""
        try:
            while True:
                self._keep_classifier()
                await asyncio.sleep(LOOK_S)
                found = await asyncio.to_thread(self._watch.look)
                if found is not None:
                    tell(found)
        finally:
            if self._keeping is not None:
                self._keeping.cancel()
                await asyncio.wait([self._keeping])
            self._folder.cleanup()

    def _keep_classifier(self) -> None:
        if self._keeping is None and needs_classifier(self.message):
            self._keeping = asyncio.get_running_loop().create_task(self._keeper.run())


def needs_classifier(message: bytes) -> bool:
    """Whether some rule reads a learned signal, or compares meanings."""
    known, rules = signals(), ruleset(msgspec.json.decode(message))
    learned = any(is_learned(name, known) for name in needed(rules))
    caches = [answer.effects.cache for answer in (rules.fallback, *(rule.answer for rule in rules.rules))]
    chooses = rules.sessions is not None and rules.sessions.tool_choice is not None
    return learned or chooses or any(one is not None and one.semantic for one in caches)


def _complain(said: str) -> None:
    print(said, file=sys.stderr)  # noqa: T201
