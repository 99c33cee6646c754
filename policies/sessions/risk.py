"""Risk that builds up over turns, none of which is risky enough alone (Crescendo; WRP direction O3)."""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Self

from policies.signals.reading import Reading


class Response(IntEnum):
    """What is done, the mildest first."""

    NOTHING = 0
    SAFER_MODEL = 1
    LOWER_TEMPERATURE = 2
    CUT = 3  # drop the flagged turns and answer from the last clean one
    HUMAN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """When which response is due."""

    turn: float = 0.5  # one turn alone
    keep: float = 0.6  # share of the past that a turn leaves
    floor: float = 0.15  # confidence below which a turn is nothing: ordinary talk never adds up
    levels: tuple[float, ...] = (0.7, 0.9, 1.1, 1.5)  # of the accumulated risk
    fade: float = 0.9  # what a clean turn leaves of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """Accumulated risk of a session, or of a caller over all its sessions with a slower fade."""

    value: float = 0.0
    peak: float = 0.0
    turns: int = 0
    seed_turn: int = -1  # the first turn of the build-up, counted from 0; -1 when there is none

    def after(self, reading: Reading, thresholds: Thresholds) -> Self:
        """Having seen one more turn's guard reading; an unknown one counts as clean but fades nothing."""
        turn = self.turns
        if not reading.known():
            return replace(self, turns=turn + 1)
        confidence = min(max(reading.value, 0.0), 1.0)
        if confidence < thresholds.floor:
            value = self.value * thresholds.fade
            clean = value < thresholds.floor
            return replace(self, value=value, turns=turn + 1, seed_turn=-1 if clean else self.seed_turn)
        return replace(
            self,
            value=thresholds.keep * self.value + confidence,
            peak=max(self.peak, confidence),
            turns=turn + 1,
            seed_turn=turn if self.seed_turn < 0 else self.seed_turn,
        )

    def response(self, thresholds: Thresholds) -> Response:
        """What is due now: by what built up, and at least a safer model for one turn that is risky alone."""
        built = Response(sum(self.value >= each for each in thresholds.levels))
        return max(built, Response.SAFER_MODEL) if self.peak >= thresholds.turn else built
