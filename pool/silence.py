"""A replay that does not answer: how long that is borne, and how well the cache was known before. Pure."""

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Silence:
    """What is missing may still be there: it is lost only when the replay says so, or says nothing for too long."""

    patience_s: float
    since: float | None = None  # when it first did not answer
    behind: bool = False  # frames are missing, and asked for again
    sound: bool = False  # the cache was known exactly until then, and all that came since fits

    def begins(self, now: float) -> None:
        """It did not answer."""
        if self.since is None:
            self.since = now

    def ends(self) -> None:
        """It answered."""
        self.since = None

    def bearable(self, now: float) -> bool:
        """Whether to ask again rather than give up."""
        return self.since is not None and now - self.since < self.patience_s

    def falls_behind(self, exact: bool) -> bool:
        """Frames are missing from here on; True when that is news."""
        if self.behind:
            return False
        self.behind, self.sound = True, exact
        return True

    def catches_up(self) -> bool:
        """All has come; True when the cache is known exactly again by that."""
        again, self.behind = self.behind and self.sound, False
        return again

    def gives_up(self) -> None:
        """Something is gone for good, or the engine is another."""
        self.behind = self.sound = False
