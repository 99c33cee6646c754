"""Asking one replica every interval whether it is well and what it is doing."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol
from zlib import crc32

from pool import sources
from pool.complaints import Complaints
from pool.fetch import Answer, Connection, Refused
from pool.roster import Entry, Roster
from pool.scrape import MODELS, adapters, longest, read

OK = 200
ASK_MODELS = 5  # every so many looks


class Asking(Protocol):
    """Where GETs go."""

    async def get(self, path: str, timeout_s: float) -> Answer:
        """The answer to a GET; raises `Refused`, `TimeoutError` or another `OSError`."""


class Seen(Protocol):
    """Who is told how long a look took and how it ended."""

    def looked(self, seconds: float, outcome: str) -> None:
        """A replica was asked: `ok`, `unwell` or `no-metrics`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """What all watchers share."""

    roster: Roster
    seen: Seen
    interval_s: float = 1.0
    timeout_s: float = 2.0
    clock: Callable[[], float] = field(default=monotonic)
    complaints: Complaints = field(default_factory=Complaints)


class Watcher:
    """Keeps one entry's readiness and reading up to date."""

    def __init__(self, entry: Entry, watching: Watching, restarted: Callable[[Entry], None]) -> None:
        self._entry, self._with, self._restarted = entry, watching, restarted
        self._looks = 0
        self._gone = False  # it was found with nobody listening since it last answered
        self._hurried = asyncio.Event()

    def hurry(self) -> None:
        """Look at once rather than when it is time."""
        self._hurried.set()

    async def run(self) -> None:
        """Look for ever."""
        share = phase(self._entry.name)
        async with Connection(self._entry.described.address) as connection:
            while True:
                began = self._with.clock()
                await self.look(connection)
                await self._rest(max(self._with.interval_s - (self._with.clock() - began), 0.0) * share)
                share = 1.0

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurried.wait()
        self._hurried.clear()

    async def look(self, connection: Asking) -> None:
        """Ask once."""
        began = self._with.clock()
        outcome = "unwell"
        if await self._is_well(connection):
            self._with.roster.answered(self._entry)
            outcome = "ok" if await self._read(connection) else "no-metrics"
            if not self._entry.sources_asked:
                await self._ask_sources(connection)
            if self._looks % ASK_MODELS == 0:
                await self._ask_models(connection)
            self._looks += 1
        self._with.seen.looked(self._with.clock() - began, outcome)

    async def _ask_models(self, connection: Asking) -> None:
        """Which adapters it serves and how long a request it takes; one that does not say is known as before."""
        try:
            status, page = await connection.get(MODELS, self._with.timeout_s)
        except OSError:
            return
        if status != OK:
            return
        if (found := adapters(page)) is not None:
            self._with.roster.serves(self._entry, found)
        if limit := longest(page):
            self._with.roster.takes(self._entry, limit)

    async def _is_well(self, connection: Asking) -> bool:
        try:
            status = (await connection.get("/health", self._with.timeout_s)).status
        except OSError as error:
            self._gone |= isinstance(error, Refused)
            self._with.roster.failed(self._entry, _words(error), refused=isinstance(error, Refused))
            return False
        if status != OK:
            self._with.roster.failed(self._entry, f"/health answered {status}", refused=False)
        return status == OK

    async def _ask_sources(self, connection: Asking) -> None:
        """Once a process: where its ranks publish. One that does not say, or says nonsense, is believed nothing."""
        try:
            status, body = await connection.get(sources.PATH, self._with.timeout_s)
        except OSError:
            return
        self._entry.sources_asked = True
        if status != OK or not body.lstrip().startswith(b"{"):
            return
        try:
            said = sources.read(body, self._entry.described.address)
        except sources.BadSources as bad:
            self._with.complaints.say("sources", self._entry.name, f"what it says of its KV events is no use: {bad}")
            return
        if self._with.roster.publishes(self._entry, said):
            self._restarted(self._entry)

    async def _read(self, connection: Asking) -> bool:
        try:
            status, page = await connection.get("/metrics", self._with.timeout_s)
        except OSError:
            return False
        if status != OK:
            return False
        reading, shown = read(page), self._entry.reset_seen
        restarted = self._with.roster.read(self._entry, reading, self._with.clock())
        if self._gone and not reading.started and not shown:
            # an engine that does not say when it started, and was gone for a while: a new process
            self._with.roster.restart(self._entry)
            restarted = True
        self._gone = False
        if restarted:
            self._restarted(self._entry)
        return True


def phase(name: str) -> float:
    """The share of the first pause that is kept, by name: a thousand that came together are then asked apart."""
    return crc32(name.encode()) / 2**32


def _words(error: OSError) -> str:
    return "no answer in time" if isinstance(error, TimeoutError) else str(error)
