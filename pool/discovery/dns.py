"""Replicas behind a host name: each of its addresses is one. Asked again and again, for DNS tells of no change."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from pool.discovery.places import Found, Place, Problem

log = logging.getLogger(__name__)

EVERY_S = 5.0
MISSES = 3  # looks in a row without an address until it is believed gone

Resolve = Callable[[str], Awaitable[list[str]]]


async def resolved(host: str) -> list[str]:
    """The addresses of a host name, sorted; raises `OSError`."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return sorted({str(each[4][0]) for each in found})


@dataclass(slots=True, kw_only=True)
class Names:
    """One host name, looked up every so often; what it says is kept while nothing answers."""

    pool: str
    host: str
    port: int
    heard: Callable[[], None]
    resolve: Resolve = resolved
    every_s: float = EVERY_S
    found: Found = field(default_factory=lambda: Found(usable=False))
    known: bool = False  # it was asked once, whatever came
    _missed: dict[str, int] = field(default_factory=dict)  # looks in a row that an address was missing from

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await self.look()
            await asyncio.sleep(self.every_s)

    async def look(self) -> None:
        """Ask once. An address is gone when it is missing thrice: resolvers answer with some of many."""
        before = self.found
        try:
            hosts = await self.resolve(self.host)
        except OSError as error:
            problem = Problem(reason="NotResolved", words=f"{self.host} is not resolved: {error.strerror or error}")
            self.found = Found(places=before.places, problems=[problem], usable=before.usable)
        else:
            self.found = Found(places=[self._place(host) for host in self._kept(hosts)])
        if not self.known or self.found != before:
            self.known = True
            self.heard()

    def _kept(self, hosts: list[str]) -> list[str]:
        missing = {place.host for place in self.found.places} - set(hosts)
        self._missed = {host: self._missed.get(host, 0) + 1 for host in missing}
        return sorted({*hosts, *(host for host, times in self._missed.items() if times < MISSES)})

    def _place(self, host: str) -> Place:
        return Place(name=f"{self.pool}-{host}", host=host, port=self.port)
