"""Which model serves is decided at the arrival too: what each model would answer, known to the simulation alone."""

from dataclasses import dataclass

from policies.cached import Cached
from policies.fleet import MODEL, Fleet, Table
from policies.policy import Routing
from policies.request import Ask
from sims.arrivals import Arrivals, Ids
from sims.engine.arena import Memory
from sims.engine.choosing import NOBODY, Chooser, choosing
from sims.engine.deciding import Plain, plain_kernel


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Output tokens of each model's answer to each arrival: shape (arrivals, models)."""

    models: tuple[str, ...]
    tokens: Ids
    choose: Chooser | None = None
    """Which model serves, each on the replica that the routing policy gives it; None: the policy chooses any row."""


def check_answers(answers: Answers, arrivals: Arrivals, fleet: Fleet) -> None:
    """Raise ValueError, one sentence, where answers are missing or empty."""
    if answers.tokens.shape != (len(arrivals), len(answers.models)):
        raise ValueError(
            f"answers of shape {answers.tokens.shape} for {len(arrivals)} arrivals and {len(answers.models)} models"
        )
    if missing := set(fleet.models) - set(answers.models):
        raise ValueError(f"no answers of model {min(missing)!r}, which the fleet serves: give its output tokens")
    if (answers.tokens < 1).any():
        raise ValueError("an answer has no tokens: every model's answer has at least one")


def answering(policy: Routing | Plain, answers: Answers, memory: Memory, fleet: Fleet) -> Plain:
    """The policy; where it sends an arrival decides which model it asks and how long the answer becomes.

    Raises ValueError where there is a chooser of models but no registered routing policy.
    """
    plain = _plain(policy, answers, memory, fleet)
    outputs, models = memory.array("outputs_"), memory.array("models_")
    column = {number: answers.models.index(name) for name, number in fleet.models.items()}

    def decide(index: int, ask: Ask, table: Table, cached: Cached) -> int:
        row = plain(index, ask, table, cached)
        if row != NOBODY:
            number = int(table[row, MODEL])
            models[index], outputs[index] = number, answers.tokens[index, column[number]]
        return row

    return decide


def _plain(policy: Routing | Plain, answers: Answers, memory: Memory, fleet: Fleet) -> Plain:
    """The policy as a plain one, with the chooser where there is one: its models in the order of the answers'."""
    if answers.choose is None:
        return plain_kernel(policy) if isinstance(policy, Routing) else policy
    if not isinstance(policy, Routing):
        raise ValueError("a chooser of models needs a routing policy that places each of them: give a registered one")
    numbers = {name: fleet.models[name] for name in answers.models if name in fleet.models}
    return choosing(policy, answers.choose, memory, numbers)
