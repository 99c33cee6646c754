"""Choosing models within a study: what all its runs have in common, and what one run is told and measured by."""

import hashlib
from dataclasses import dataclass

from policies.fleet import Replica
from policies.select.rules.rule import RuleSet
from sims.arrivals import Arrivals
from sims.engine.answers import Answers
from sims.engine.run import Run
from sims.select.choosers import Scene, Value, chooser
from sims.select.questions import Asked, Floats, Questions, served_quality

CHOOSER = "chooser"
"""The path under which a study varies who chooses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """Judged questions behind a trace, what choosers weigh, and who chooses unless a point says otherwise."""

    questions: Questions
    value: Value
    chooser: str = "aware"
    rules: RuleSet | None = None

    def fingerprint(self) -> str:
        """A hash of all of it."""
        questions, digest = self.questions, hashlib.sha256()
        for column in (questions.expected, questions.quality, questions.out_tokens):
            digest.update(column.tobytes())
        digest.update(repr((questions.models, questions.topics, self.value, self.chooser, self.rules)).encode())
        return digest.hexdigest()

    def answers(self, name: str, arrivals: Arrivals, asked: Asked) -> Answers:
        """What each model would answer, and who chooses; raises `UnknownName`."""
        scene = Scene(questions=self.questions, asked=asked, arrivals=arrivals, value=self.value, rules=self.rules)
        return Answers(models=self.questions.models, tokens=asked.tokens, choose=chooser(name, scene))

    def quality(self, run: Run, asked: Asked) -> Floats:
        """What each arrival's answer was judged."""
        return served_quality(asked, self.columns(run.replicas), run.replica)

    def columns(self, replicas: tuple[Replica, ...]) -> list[int]:
        """Each replica's model as a column."""
        return [self.questions.models.index(replica.model) for replica in replicas]
