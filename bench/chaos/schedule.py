"""Which fault strikes when: drawn from a seed, each kind in turn, now and then two at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from bench.chaos.faults import BY_NAME, KINDS, Kind

TWICE = 0.25  # share of faults during which a replica suffers another one
CALM_S = (2.0, 3.5)  # from the end of one fault, the part well again, to the next
REPLICAS = [kind for kind in KINDS if kind.part == "replica"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Blow:
    """One fault to come."""

    kind: Kind
    victim: int  # number of the part among those of its kind
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What strikes together, and how long it is calm afterwards."""

    blows: list[Blow]
    calm_s: float


def rounds(seed: int, counts: dict[str, int], kinds: Sequence[str] = ()) -> Iterator[Round]:
    """Rounds for ever: all kinds in random order, then again. `counts`: how many parts of each kind there are.

    Raises KeyError for a kind that there is not.
    """
    random, wanted = Random(seed), [BY_NAME[name] for name in kinds] or list(KINDS)
    while True:
        random.shuffle(wanted)
        for kind in list(wanted):
            first = _blow(random, kind, counts)
            second = _blow(random, random.choice(REPLICAS), counts)
            twice = random.random() < TWICE and (second.kind.part, second.victim) != (kind.part, first.victim)
            yield Round(blows=[first, second] if twice else [first], calm_s=random.uniform(*CALM_S))


def _blow(random: Random, kind: Kind, counts: dict[str, int]) -> Blow:
    return Blow(kind=kind, victim=random.randrange(counts[kind.part]), seconds=random.uniform(*kind.seconds))
