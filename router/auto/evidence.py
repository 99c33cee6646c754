"""What the front process keeps of all workers' lessons: for workers and runs that start later, and for a canary."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from policies.canary import Canary, Rules, Stage
from policies.select.learners import beside, label
from router.auto.lessons import Lesson, decode, encode
from router.frames import LESSONS, STAGE

MOST = 10_000  # lessons that are kept, the newest


class Told(msgspec.Struct, array_like=True):
    """Where a canary stands, as workers are told."""

    stage: str
    why: str


told = msgspec.msgpack.Decoder(Told).decode


class Evidence:
    """The lessons of one set of settings."""

    def __init__(self, learn: Mapping[str, Any], folder: Path, now: float, say: Callable[[str], None]) -> None:
        self._say = say
        self._worth = float(learn.get("objective", {}).get("worth_usd", 0.01))
        self.canary = canary(learn)
        self._path = folder / learn["memory"] if learn.get("memory") else None
        self._lessons: deque[Lesson] = deque(maxlen=MOST)
        self._unkept = 0
        try:
            self._recall(now)
        except OSError as failed:
            self._say(f"what was learned cannot be read: {failed}; learning begins anew and is not kept")
            self._path = None

    def heard(self, message: bytes, now: float) -> list[bytes]:
        """Lessons came from a worker; returns what all workers are to be told because of them."""
        lessons, before = decode(message), self.canary
        self._lessons.extend(lessons)
        self._keep(message)
        for one in lessons:
            self._see(one, now)
        if self.canary is None or before is None or self.canary.stage is before.stage:
            return []
        self._say(f"canary {self.canary.new} is {self.canary.stage.value}: {self.canary.why}")
        return [self.stage()]

    def messages(self) -> list[bytes]:
        """What a worker that starts is told."""
        stage = [self.stage()] if self.canary is not None else []
        return [LESSONS + encode(list(self._lessons)), *stage] if self._lessons else stage

    def again(self, now: float) -> list[bytes]:
        """A canary that was rolled back and has rested tries again; returns what workers are to be told of it."""
        if self.canary is None or self.canary.again(now) is self.canary:
            return []
        self.canary = self.canary.again(now)
        self._say(f"canary {self.canary.new} is {self.canary.stage.value}: {self.canary.why}")
        return [self.stage()]

    def stage(self) -> bytes:
        """Where the canary stands, for workers."""
        assert self.canary is not None
        return STAGE + encode(Told(self.canary.stage.value, self.canary.why))

    def _see(self, one: Lesson, now: float) -> None:
        """Hold a lesson for or against the canary: a request's worth less its dollars, in answers of quality 1."""
        if self.canary is None or one.against or one.policy not in (self.canary.new, self.canary.old):
            return
        usd = one.usd if one.usd == one.usd else 0.0
        self.canary = self.canary.saw(one.policy, one.quality - usd / self._worth, failed=bool(one.failure), now=now)

    def _keep(self, message: bytes) -> None:
        """Write lessons behind the others; a file of too many is written anew. A disk that takes none costs memory."""
        self._unkept += 1
        if self._path is None:
            return
        try:
            if self._unkept > MOST:
                self._write_anew(self._path)
                return
            with self._path.open("ab") as out:
                out.write(_framed(message))
        except OSError as failed:
            self._say(f"what is learned is not kept: {failed}")
            self._path = None

    def _write_anew(self, path: Path) -> None:
        beside = path.with_suffix(f"{path.suffix}.new")
        beside.write_bytes(_framed(encode(list(self._lessons))))
        beside.replace(path)
        self._unkept = 0

    def _recall(self, now: float) -> None:
        """Take in the lessons of earlier runs; from where they cannot be read the file is written anew."""
        if self._path is None or not self._path.exists():
            return
        data, at = self._path.read_bytes(), 0
        while at < len(data):
            size = int.from_bytes(data[at : at + 4], "big")
            try:
                lessons = decode(data[at + 4 : at + 4 + size])
            except msgspec.MsgspecError as bad:
                self._say(f"{self._path} is broken from byte {at} on ({bad}): what is there is forgotten")
                self._write_anew(self._path)
                return
            self._lessons.extend(lessons)
            for one in lessons:
                self._see(one, now)
            at += 4 + size


def canary(learn: Mapping[str, Any]) -> Canary | None:
    """The promotion that settings tell, at its beginning."""
    given = learn.get("canary")
    if given is None:
        return None
    bounds = {key: value for key, value in given.items() if key not in ("policy", "settings")}
    return Canary(new=label(beside(learn)), old=label(learn), rules=Rules(**bounds))


def staged(found: Canary | None, message: bytes) -> Canary | None:
    """A worker's canary where the front process says that it stands."""
    at = told(message)
    return None if found is None else replace(found, stage=Stage(at.stage), why=at.why)


def _framed(message: bytes) -> bytes:
    return len(message).to_bytes(4, "big") + message
