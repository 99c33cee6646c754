"""The fleet file, read again whenever it changes."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

from policies.perf.capacity import DoesNotFit
from policies.perf.profiles import UnknownProfile
from weir import codec, fleetfile
from weir.strictyaml import BadFile

log = logging.getLogger(__name__)

Stamp = tuple[int, int, int]


class BadFleet(ValueError):
    """A fleet file that cannot be used."""


class FleetFile:
    """A fleet file; an edit that cannot be used leaves what it said before."""

    def __init__(self, path: Path, interval_s: float = 1.0) -> None:
        self._path, self._interval_s = path, interval_s
        self._read_at: Stamp | None = None

    def read(self) -> fleetfile.FleetFile:
        """What the file says; raises `BadFleet`."""
        self._read_at = self._stamp()
        try:
            found = fleetfile.read_fleet(self._path)
            for pool in found.pools:
                check(pool)
        except (BadFile, OSError, UnknownProfile, DoesNotFit) as error:
            raise BadFleet(" ".join(str(error).split())) from None
        return found

    async def edits(self) -> AsyncIterator[fleetfile.FleetFile]:
        """What the file says after every change since it was read."""
        while True:
            await asyncio.sleep(self._interval_s)
            if self._stamp() == self._read_at:
                continue
            try:
                found = self.read()
            except BadFleet as error:
                log.error("the fleet stays as it was: %s", error)
            else:
                yield found

    def _stamp(self) -> Stamp | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino


def check(pool: fleetfile.Pool) -> None:
    """Whether a pool's engines can be predicted at all; raises `UnknownProfile` or `DoesNotFit`."""
    codec.latency(fleetfile.message(pool, 0, ""))
