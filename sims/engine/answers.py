"""Which model serves is decided at the arrival too: what each model would answer, known to the simulation alone."""

from dataclasses import dataclass

from policies.cached import Cached
from policies.fleet import MODEL, Fleet, Table
from policies.request import Ask
from sims.arrivals import Arrivals, Ids
from sims.engine.arena import Memory
from sims.engine.deciding import Plain

NOBODY = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Output tokens of each model's answer to each arrival: shape (arrivals, models)."""

    models: tuple[str, ...]
    tokens: Ids


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


def answering(policy: Plain, answers: Answers, memory: Memory, fleet: Fleet) -> Plain:
    """The policy; where it sends an arrival decides which model it asks and how long the answer becomes."""
    outputs, models = memory.array("outputs_"), memory.array("models_")
    column = {number: answers.models.index(name) for name, number in fleet.models.items()}

    def decide(index: int, ask: Ask, table: Table, cached: Cached) -> int:
        row = policy(index, ask, table, cached)
        if row != NOBODY:
            number = int(table[row, MODEL])
            models[index], outputs[index] = number, answers.tokens[index, column[number]]
        return row

    return decide
