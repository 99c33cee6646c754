"""Following one replica's KV events: live frames, gaps filled from the replay, restarts noticed."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

import zmq

from pool.complaints import Complaints
from pool.kv_events import Batch, KvSource, Removed, Stored
from pool.ranks import Rank
from pool.roster import Entry, Knowledge, Roster
from pool.sequence import UNSEEN, Verdict
from pool.silence import Silence
from pool.sockets import Frame, Message, Socket, frame, replayed

log = logging.getLogger(__name__)

ROUNDS = 3  # replays in a row that bring nothing new before a gap is given up


@dataclass(slots=True)
class Tally:
    """What has come from all replicas: counts for the metrics."""

    frames: int = 0
    stored: int = 0
    removed: int = 0
    cleared: int = 0
    ignored: int = 0
    malformed: int = 0
    misplaced: int = 0  # frames on a stream that they are not of
    gaps: int = 0
    resets: int = 0
    replays: int = 0
    replays_failed: int = 0
    lost: int = 0

    def count(self, batch: Batch) -> None:
        """A batch came."""
        self.frames += 1
        self.ignored += batch.ignored
        self.malformed += batch.malformed
        for event in batch.events:
            if isinstance(event, Stored):
                self.stored += 1
            elif isinstance(event, Removed):
                self.removed += 1
            else:
                self.cleared += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """What all followers share."""

    roster: Roster
    decode: KvSource
    context: "zmq.Context[zmq.Socket[bytes]]"
    tally: Tally = field(default_factory=Tally)
    complaints: Complaints = field(default_factory=Complaints)
    idle_s: float = 2.0  # a replay that says nothing for so long has ended
    recheck_s: float = 10.0  # without a frame for so long, ask whether the last ones were lost
    patience_s: float = 60.0  # a replay that does not answer for so long has nothing


class Follower:
    """Keeps what one rank of an entry holds equal to what its engine says."""

    def __init__(self, entry: Entry, following: Following, rank: Rank | None = None) -> None:
        self._entry, self._with = entry, following
        self._rank = rank or entry.ranks[0]
        self._cursor = self._rank.cursor
        self._silence = Silence(patience_s=following.patience_s)

    async def run(self) -> None:
        """Follow for ever; raises `zmq.ZMQError` when the endpoint cannot be one."""
        with Socket(self._with.context, zmq.SUB, self._rank.events) as live:
            await self._begin()
            while True:
                try:
                    messages = await live.receive(self._wait_s())
                except TimeoutError:
                    await self._recheck()
                    continue
                for message in messages:
                    await self._take(message)
                await asyncio.sleep(0)

    def _wait_s(self) -> float:
        """Soon again where something is missing, or nothing known yet: an engine that was not up when first asked."""
        unsure = self._cursor.last == UNSEEN and self._rank.knowledge is Knowledge.UNKNOWN
        soon = unsure or self._silence.behind
        return min(self._with.idle_s, self._with.recheck_s) if soon else self._with.recheck_s

    async def _begin(self) -> None:
        """Everything since the engine's start, or since the kept snapshot if the engine still has its last frame."""
        roster, entry = self._with.roster, self._entry
        if self._cursor.last != UNSEEN:
            if await self._continues():
                roster.know(entry, Knowledge.EXACT, self._rank)
            else:
                roster.restart(entry)
                entry.reset_seen = True
        await self._recheck()

    async def _continues(self) -> bool:
        """Whether the frame up to which the holdings were kept is the engine's own, by number and clock."""
        kept = self._cursor.last
        while True:
            try:
                async with aclosing(self._replay(kept)) as frames:
                    async for found in frames:
                        return found.sequence == kept and self._with.decode(found.payload).at == self._cursor.at
            except TimeoutError:
                continue  # an engine that does not answer yet may still be the same one
            return False

    async def _recheck(self) -> None:
        """Ask for frames that came before we listened, or were lost with none after them to show it."""
        if self._rank.replay and await self._fill() and self._cursor.last == UNSEEN:
            self._with.roster.know(self._entry, Knowledge.EXACT, self._rank)

    async def _take(self, message: Message) -> None:
        """One live message."""
        found = frame(message)
        if found is None:
            self._with.tally.malformed += 1
            self._complain("malformed", "a message on its event socket is no frame")
            return
        batch = self._with.decode(found.payload)
        if not self._is_its_own(message, batch):
            return
        verdict = self._cursor.judge(found.sequence, batch.at)
        if verdict is Verdict.RESET:
            self._reset()
            verdict = self._cursor.judge(found.sequence, batch.at)
        if verdict is Verdict.GAP and not await self._mend(found.sequence):
            self._cursor.heard(found.sequence)
            return
        if verdict is Verdict.GAP:
            verdict = self._cursor.judge(found.sequence, batch.at)
        self._cursor.heard(found.sequence)
        if verdict is Verdict.NEXT:
            self._apply(found.sequence, batch)

    def _is_its_own(self, message: Message, batch: Batch) -> bool:
        """Whether a frame is of this rank's engine, as far as it says; one that is not is left alone."""
        topic = message[0].decode("utf-8", "replace") if len(message) > 2 else ""
        if self._rank.topic and topic and topic != self._rank.topic:
            self._with.tally.misplaced += 1
            self._complain("misplaced", f"a frame of topic {topic!r:.80} on its event socket is not its own")
            return False
        if not batch.events or self._rank.speaks_as(batch.rank):
            return True
        self._with.tally.misplaced += 1
        self._complain("misplaced", f"a frame of rank {batch.rank} came on the socket of rank {self._rank.said}")
        return False

    def _complain(self, what: str, words: str) -> None:
        self._with.complaints.say(what, self._entry.name, words)

    def _reset(self) -> None:
        """The publisher counts from the beginning again: its engine is a new process."""
        log.info("%s restarted: its events count from the beginning again", self._entry.name)
        self._with.tally.resets += 1
        self._silence.gives_up()
        self._with.roster.restart(self._entry)
        self._entry.reset_seen = True

    async def _mend(self, upto: int) -> bool:
        """Frames before `upto` are missing: ask for them, and where they are gone for good say so and go on.

        False while the replay does not answer: it may have them yet, and this frame too.
        """
        self._with.tally.gaps += 1
        if self._rank.replay:
            await self._fill()
        if self._cursor.wanted < upto:
            if self._silence.bearable(asyncio.get_running_loop().time()):
                self._fall_behind()
                return False
            self._lose(upto)
        return True

    def _fall_behind(self) -> None:
        """What it holds is as of some frames ago, and not to be relied on until those have come."""
        if self._silence.falls_behind(self._rank.knowledge is Knowledge.EXACT):
            wanted = self._cursor.wanted
            log.warning("%s: events from %d on are missing and its replay is silent", self._entry.name, wanted)
            self._with.roster.know(self._entry, Knowledge.UNKNOWN, self._rank)

    def _lose(self, upto: int) -> None:
        name, wanted = self._entry.name, self._cursor.wanted
        log.warning("%s: events %d to %d are lost: its cache is unknown", name, wanted, upto - 1)
        self._with.tally.lost += 1
        self._silence.gives_up()
        self._with.roster.lost(self._entry, self._rank)
        self._cursor.advance(upto - 1, 0.0)

    async def _fill(self) -> bool:
        """Ask until nothing more comes; True when all has come. A publisher drops frames of a long replay."""
        for _ in range(ROUNDS):
            before = self._cursor.last
            try:
                if await self._round():
                    self._silence.ends()
                    if self._silence.catches_up():
                        self._with.roster.know(self._entry, Knowledge.EXACT, self._rank)
                    return True
            except TimeoutError:
                self._with.tally.replays_failed += 1
                if self._cursor.last == before:
                    self._silence.begins(asyncio.get_running_loop().time())
                    return False
            self._silence.ends()
        return False

    async def _round(self) -> bool:
        """One replay, applied as far as it is contiguous; False when it is not."""
        first = True
        async with aclosing(self._replay(self._cursor.wanted)) as frames:
            async for found in frames:
                if found.sequence > self._cursor.wanted:
                    if not first:
                        return False
                    self._lose(found.sequence)
                if found.sequence == self._cursor.wanted:
                    self._apply(found.sequence, self._with.decode(found.payload))
                first = False
        return True

    def _replay(self, start: int) -> AsyncGenerator[Frame, None]:
        self._with.tally.replays += 1
        return replayed(self._with.context, self._rank.replay, start, self._with.idle_s)

    def _apply(self, sequence: int, batch: Batch) -> None:
        """Take in one batch, the next in order."""
        roster, entry, rank = self._with.roster, self._entry, self._rank
        if sequence == 0:
            roster.know(entry, Knowledge.EXACT, rank)
        self._cursor.advance(sequence, batch.at)
        self._with.tally.count(batch)
        odd = rank.holdings.odd.evidence
        roster.heard(entry, rank, batch.events)
        if batch.malformed:
            self._complain("malformed", f"{batch.malformed} events of frame {sequence} cannot be read")
            self._silence.sound = False
            roster.lost(entry, rank)
        elif rank.holdings.odd.evidence != odd:
            self._complain("odd", f"frame {sequence} does not fit what it said before: {rank.holdings.odd}")
            self._silence.sound = False
            roster.know(entry, Knowledge.UNKNOWN, rank)
