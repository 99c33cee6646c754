"""Whether a new policy takes over: a few requests first, promoted or rolled back by what came of them (O21)."""

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import NamedTuple, Self

from policies.evaluate.logged import Z95
from policies.request import coin

SALT = 0xCA9A27


class Stage(Enum):
    """Where a promotion stands."""

    CANARY = "canary"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled-back"


class Arm(NamedTuple):
    """Rewards of one side so far: enough for a mean and its error."""

    rewards: int = 0
    total: float = 0.0
    squares: float = 0.0
    failures: int = 0

    def with_reward(self, reward: float, failed: bool) -> "Arm":
        """One more."""
        return Arm(self.rewards + 1, self.total + reward, self.squares + reward * reward, self.failures + failed)

    def mean(self) -> float:
        """Reward per request; 0 before the first."""
        return self.total / self.rewards if self.rewards else 0.0

    def variance_of_mean(self) -> float:
        """Of that mean; endless before the second."""
        if self.rewards < 2:
            return float("inf")
        return max(self.squares / self.rewards - self.mean() ** 2, 1e-9) / (self.rewards - 1)

    def failure_rate(self) -> float:
        """Failed requests a request."""
        return self.failures / self.rewards if self.rewards else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When a canary ends."""

    share: float = 0.05  # of requests that the new policy gets
    least: int = 200  # rewards of the new policy before it may be promoted
    most: int = 5000  # after so many without a clear gain it is rolled back
    gain: float = 0.01  # by which it has to be better: less would be changed back tomorrow
    harm: float = 0.02  # by which it may be worse before it is stopped early
    failures: float = 0.05  # by how much its failure rate may be above the old one's
    looks: int = 10  # at which rewards are judged: a mean judged every time would cross any bound some day
    rest_s: float = 3600.0  # after a rollback, before the same policy may try again


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """One promotion under way; every step is a new value."""

    new: str
    old: str
    rules: Rules = Rules()
    stage: Stage = Stage.CANARY
    why: str = "begun"
    mine: Arm = field(default_factory=Arm)  # of the new policy
    theirs: Arm = field(default_factory=Arm)
    ended_s: float = 0.0

    def serves(self, request: str) -> str:
        """Which policy decides this request; sessions pass their session's id, so that they are not torn."""
        if self.stage is Stage.CANARY:
            return self.new if coin(request, SALT) < self.rules.share else self.old
        return self.new if self.stage is Stage.PROMOTED else self.old

    def saw(self, policy: str, reward: float, *, failed: bool, now: float) -> Self:
        """Having seen what became of a request that one of the two decided."""
        if policy not in (self.new, self.old) or self.stage is Stage.ROLLED_BACK or reward != reward:
            return self
        mine = policy == self.new
        side = (self.mine if mine else self.theirs).with_reward(reward, failed)
        seen = replace(self, mine=side) if mine else replace(self, theirs=side)
        return seen._judged(now) if mine and side.rewards % self._spacing() == 0 else seen

    def again(self, now: float) -> Self:
        """A new attempt of a policy that was rolled back; itself while it has to rest."""
        if self.stage is not Stage.ROLLED_BACK or now < self.ended_s + self.rules.rest_s:
            return self
        return replace(self, stage=Stage.CANARY, why="begun again", mine=Arm(), theirs=Arm())

    def _spacing(self) -> int:
        return max(self.rules.least // self.rules.looks, 1)

    def _judged(self, now: float) -> Self:
        gain = self.mine.mean() - self.theirs.mean()
        error = Z95 * (self.mine.variance_of_mean() + self.theirs.variance_of_mean()) ** 0.5
        if self._fails():
            return self._ended(Stage.ROLLED_BACK, f"{self.mine.failure_rate():.1%} of its requests failed", now)
        if gain + error < -self.rules.harm:
            return self._ended(Stage.ROLLED_BACK, f"worse by {-gain:.3f} a request", now)
        return self._settled(gain, error, now)

    def _settled(self, gain: float, error: float, now: float) -> Self:
        if self.mine.rewards < self.rules.least:
            return self
        if self.stage is Stage.PROMOTED:
            return replace(self, mine=Arm())  # a window that was good enough: a long past would hide a bad hour
        if gain - error > self.rules.gain:
            return self._ended(Stage.PROMOTED, f"better by {gain:.3f} a request", now)
        if self.mine.rewards >= self.rules.most:
            return self._ended(Stage.ROLLED_BACK, f"not better by {self.rules.gain:.3f} after {self.mine.rewards}", now)
        return self

    def _fails(self) -> bool:
        few = self.mine.rewards < self._spacing()
        return not few and self.mine.failure_rate() > self.theirs.failure_rate() + self.rules.failures

    def _ended(self, stage: Stage, why: str, now: float) -> Self:
        """Promoted, it is watched against what the old policy earned; its own rewards are counted anew."""
        mine = Arm() if stage is Stage.PROMOTED else self.mine
        return replace(self, stage=stage, why=why, mine=mine, ended_s=now)
