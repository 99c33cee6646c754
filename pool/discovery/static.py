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
Pools = list[fleetfile.Pool]


class BadFleet(ValueError):
    """A fleet file that cannot be used."""


class FleetFile:
    """The pools of a fleet file; an edit that cannot be used leaves them as they are."""

    def __init__(self, path: Path, interval_s: float = 1.0) -> None:
        self._path, self._interval_s = path, interval_s

    async def pools(self) -> AsyncIterator[Pools]:
        """The file's pools, now and after every change; raises `BadFleet` when it cannot be used at first."""
        stamp, last = self._stamp(), self.read()
        yield last
        while True:
            await asyncio.sleep(self._interval_s)
            before, stamp = stamp, self._stamp()
            if stamp == before:
                continue
            try:
                found = self.read()
            except BadFleet as error:
                log.error("the fleet stays as it was: %s", error)
                continue
            if found != last:
                last = found
                yield found

    def read(self) -> Pools:
        """The pools that the file names; raises `BadFleet`."""
        try:
            found = fleetfile.read_fleet(self._path).pools
            for pool in found:
                check(pool)
        except (BadFile, OSError, UnknownProfile, DoesNotFit) as error:
            raise BadFleet(" ".join(str(error).split())) from None
        return found

    def _stamp(self) -> Stamp | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino


def check(pool: fleetfile.Pool) -> None:
    """Whether a pool's engines can be predicted at all; raises `UnknownProfile` or `DoesNotFit`."""
    codec.latency(fleetfile.message(pool, 0, ""))
