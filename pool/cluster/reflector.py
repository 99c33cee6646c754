"""Keeps a store true to the API: a list, then a watch that is resumed where it ended and begun anew only on 410.

It runs in a thread of its own, for the client's calls block; what it finds out is told in the event loop. Whatever goes
wrong, the store stays as it was.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from pool.cluster.api import Api, Stream
from pool.cluster.pauses import Pauses
from pool.cluster.resources import Resource
from pool.cluster.store import Event, Listing, Store, Told, read_event
from pool.cluster.troubles import Absent, Expired, Forbidden, Trouble

log = logging.getLogger(__name__)

PAGE = "500"
FAREWELL_S = 0.5  # a call that lasts longer ends by itself
UNSERVED_S = 30.0  # at most between two looks for a kind that a cluster need not know


@dataclass(slots=True)
class Course:
    """How it went so far, for the metrics."""

    lists: int = 0
    watches: int = 0
    events: int = 0
    expired: int = 0
    malformed: int = 0
    troubles: int = 0


@dataclass(kw_only=True)
class Reflector:
    """One kind of object in one namespace."""

    api: Api
    resource: Resource
    told: Told  # hears of every difference, in the loop
    heard: Callable[[], None]  # hears that `known` or `trouble` may be another
    pauses: Pauses = field(default_factory=Pauses)
    rests: Pauses = field(default_factory=lambda: Pauses(longest_s=UNSERVED_S))  # while the kind is not served
    course: Course = field(default_factory=Course)
    known: bool = False  # what there is has been listed once, or cannot be for want of a kind or a right
    trouble: Trouble | None = None  # why nothing is heard now

    def __post_init__(self) -> None:
        self.store = Store(self.told)
        self._loop = asyncio.get_running_loop()
        self._ended = threading.Event()
        self._stream: Stream | None = None
        self._thread = threading.Thread(target=self._run, name=f"watching {self.resource.plural}", daemon=True)
        self._version = ""
        self._older = False  # the kind is only served in its older API version

    def start(self) -> None:
        """Begin; what is found is told in this loop."""
        self._thread.start()

    def stop(self) -> None:
        """End; nothing is told any more."""
        self._ended.set()
        if self._stream is not None:
            self._stream.close()
        self._thread.join(FAREWELL_S)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                if not self._version:
                    self._list()
                self._watch()
            except Expired:
                self.course.expired += 1
                self._version = ""
                self._ended.wait(self.pauses.failed())
            except Trouble as trouble:
                self._failed(trouble)
                self._ended.wait((self.rests if self._is_foreign(trouble) else self.pauses).failed())

    def _list(self) -> None:
        listing, resource = Listing(), self._resource()
        log.info("listing %s of %s", resource.plural, resource.namespace)
        while True:
            more = [("continue", listing.more)] if listing.more else []
            listing.take(self.api.get(resource.path, [("limit", PAGE), *more, *resource.query]), resource.kind)
            if not listing.more:
                break
        self.course.lists += 1
        log.info("%s of %s: %d listed", resource.plural, resource.namespace, len(listing.items))
        self.course.malformed += listing.malformed
        self._version = listing.version
        self._tell(self._listed, listing)

    def _watch(self) -> None:
        resource = self._resource()
        self._stream = stream = self.api.watch(resource, self._version)
        self.course.watches += 1
        if self._ended.is_set():
            stream.close()
        self._tell(self._well)
        for line in stream:
            event = read_event(line, resource.kind)
            if event is None:
                self.course.malformed += 1
                continue
            self._version = event.version
            self.course.events += 1
            self.pauses.succeeded()
            self._tell(self.store.apply, event)

    def _resource(self) -> Resource:
        found = self.resource
        if not self._older:
            return found
        return replace(found, api=found.older)

    def _failed(self, trouble: Trouble) -> None:
        self.course.troubles += 1
        if isinstance(trouble, Absent) and self.resource.older:
            self._older = not self._older
        self._tell(self._troubled, trouble)

    def _listed(self, listing: Listing) -> None:
        self.store.replace(listing.items)
        self.known = True
        self._well()

    def _well(self) -> None:
        if self.trouble is not None:
            log.warning("%s are heard of again", self.resource.plural)
        self.trouble = None
        self.heard()

    def _troubled(self, trouble: Trouble) -> None:
        if type(trouble) is not type(self.trouble):
            foreign = self._is_foreign(trouble)
            said = "there are no %s here: %s" if foreign else "%s stay as they were: %s"
            log.log(logging.INFO if foreign else logging.WARNING, said, self.resource.plural, trouble)
        self.trouble = trouble
        self.known = self.known or isinstance(trouble, Absent | Forbidden)
        self.heard()

    def _is_foreign(self, trouble: Trouble) -> bool:
        """Whether the cluster only says that it does not know a kind which it need not know."""
        return isinstance(trouble, Absent) and not self.resource.expected

    def _tell(self, what: Callable[..., None], *words: Listing | Event | Trouble) -> None:
        if not self._ended.is_set():
            try:
                self._loop.call_soon_threadsafe(self._unless_ended, what, *words)
            except RuntimeError:  # the loop is closed: nobody listens
                self._ended.set()

    def _unless_ended(self, what: Callable[..., None], *words: Listing | Event | Trouble) -> None:
        if not self._ended.is_set():
            what(*words)
