"""A worker process: one event loop, one core, one gateway. Told what to do by the front process over a pipe."""

import asyncio
import contextlib
import gc
import os
import resource
import socket
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import uvloop

from router.core import Core
from router.directing import direct
from router.frames import JUDGED, LEARNED, READY, RULES, SESSIONS, Frames
from router.gateway.server import Gateway
from router.intake import apply
from router.metrics import Metrics
from router.peers import Peers, parts
from router.record import Recorder
from router.settings import TOLD, Settings
from weir.stopping import told_to_stop
from weir.v1 import fleet_pb2

if TYPE_CHECKING:
    from router.extproc.endpoint import Endpoint

REPORT_S = 1.0
SHARE_S = 0.01


def listen(host: str, port: int) -> socket.socket:
    """A socket that several processes may bind to one port; the kernel shares connections out."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


class Worker:
    """Wires the pipe to the core and the core to the gateway."""

    def __init__(self, settings: Settings, pipe: socket.socket, peers: Peers | None, index: int = 0) -> None:
        self.settings, self._pipe, self._peers, self._index = settings, pipe, peers, index
        self.metrics = Metrics()
        self.recorder = Recorder(Path(settings.decisions)) if settings.decisions else None
        self.core = Core(settings, self.metrics, self.recorder)
        self.gateway = Gateway(self.core, settings)
        self.endpoint = _endpoint(self.core, settings) if settings.ext_proc else None
        self.stop = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Serve until the pipe ends or a signal comes; raises `OSError` where it cannot listen."""
        with told_to_stop(self.stop.set):
            await self._run()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        _, self._frames = await loop.create_connection(lambda: Frames(self._on_update, self.stop.set), sock=self._pipe)
        await self.stop.wait()
        await asyncio.gather(self.gateway.drain(), *([self.endpoint.drain()] if self.endpoint else []))
        self._report()
        if self.recorder is not None:
            with contextlib.suppress(OSError):  # said when the last records were written
                self.recorder.close()
        self._frames.close()
        if self._serving is not None and self._serving.done():
            self._serving.result()

    def _on_rules(self, message: bytes) -> None:
        """Rules that are proved: the first ones, or others in their place from the next request on."""
        from policies.select.rules.build import ruleset  # a router without rules need not hold them in memory
        from router.auto.serving import connect, start

        plain = msgspec.json.decode(message)
        rules, learn = ruleset(plain), plain.get("learn")
        if self.gateway.auto is None:
            self.gateway.auto = start(self.gateway, rules, self.settings, self._index)
            connect(self.gateway.auto, self._tell, self.recorder)
            self.gateway.auto.served.visits.share = self._tell
        else:
            self.gateway.auto.take(rules)
        self.gateway.auto.learn(learn, self.settings.workers)

    def _tell(self, message: bytes) -> None:
        """Tell the other workers, by way of the front process."""
        self._frames.send(message)

    def _on_update(self, message: bytes) -> None:
        if message[:1] == RULES:
            self._on_rules(message[1:])
            return
        if message[:1] == SESSIONS:
            if self.gateway.auto is not None:
                self.gateway.auto.served.visits.hear(message[1:])
            return
        if message[:1] == JUDGED or message[:1] in LEARNED:
            if self.gateway.auto is not None:
                self.gateway.auto.hear(message)
            return
        update = fleet_pb2.FleetUpdate.FromString(message)
        apply(self.core, update)
        if update.HasField("directions"):
            self._on_directions(update.directions)
        self.gateway.release()
        if self.endpoint is not None:
            self.endpoint.release()
        if self._serving is None:
            for model in self.core.models.values():
                model.preload()
            if self.gateway.auto is not None:
                self.gateway.auto.recall()
            self._serving = asyncio.get_running_loop().create_task(self._serve())
            self._serving.add_done_callback(self._served)

    def _on_directions(self, told: fleet_pb2.Directions) -> None:
        """What every request from the next one on is decided by; directions that are not understood change nothing."""
        if why := direct(self.core, told):
            print(f"the directions stay as they were: {why}", file=sys.stderr)  # noqa: T201

    async def _serve(self) -> None:
        await self.gateway.start(listen(self.settings.host, self.settings.port))
        if self.endpoint is not None:
            # A proxy on the same core writes all it has before this process runs: more requests a read.
            with contextlib.suppress(OSError, AttributeError):
                os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
            host, _, port = self.settings.ext_proc.rpartition(":")
            await self.endpoint.start(listen(host.strip("[]"), int(port)))
        gc.collect()
        gc.freeze()  # what is loaded by now lives as long as the process: no need to look at it again
        gc.set_threshold(50_000, 20, 100)
        self._frames.send(READY)
        self._report_again()
        if self._peers is not None:
            self._share_again(self._peers)

    def _served(self, serving: asyncio.Task[None]) -> None:
        """Whoever cannot listen ends, and is started again."""
        if not serving.cancelled() and serving.exception() is not None:
            self.stop.set()

    def _report_again(self) -> None:
        if not self.stop.is_set():
            asyncio.get_running_loop().call_later(REPORT_S, self._report_again)
        self._report()

    def _share_again(self, peers: Peers) -> None:
        if not self.stop.is_set():
            asyncio.get_running_loop().call_later(SHARE_S, self._share_again, peers)
        self.core.view.share(peers)

    def _report(self) -> None:
        counts, index = self.metrics.snapshot(), self.core.held.index
        counts.index_blocks, counts.index_bytes, counts.index_refused = len(index), index.nbytes, index.refused
        counts.rss_bytes, counts.knowledge = _rss_bytes(), self.core.held.known()
        counts.policy = self.core.placer.name
        counts.demand = self.core.tally.told()
        waiting = self.gateway.waiting() + (self.endpoint.waiting() if self.endpoint is not None else [])
        counts.waiting = dict(Counter(waiting))
        self._frames.send(msgspec.msgpack.encode(counts))
        self._keep_records()

    def _keep_records(self) -> None:
        """Write the decision records; a disk that takes none costs records, never requests."""
        if self.recorder is None:
            return
        try:
            self.recorder.flush()
        except OSError as failed:
            print(f"decision records are lost: {failed}", file=sys.stderr)  # noqa: T201


def _endpoint(core: Core, settings: Settings) -> "Endpoint":
    from router.extproc.endpoint import Endpoint  # a router without one need not hold it in memory

    return Endpoint(core, settings)


def _rss_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """`python -m router.worker PIPE_FD PEERS_FD INDEX`: started by the front process."""
    settings = msgspec.json.decode(os.environ.pop(TOLD), type=Settings)
    pipe, descriptor, index = (int(word) for word in sys.argv[1:4])
    peers = Peers(descriptor, settings.workers, index) if parts(descriptor) > 1 else None
    worker = Worker(settings, socket.socket(fileno=pipe), peers, index)
    uvloop.run(worker.run())


if __name__ == "__main__":
    main()
