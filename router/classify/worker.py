"""The classifier's process: gateways ask over a socket, one thread computes in batches.

What the encoder has no time for is read on the static tier, and what even that would be late with is left.
Answers go back as they are ready. A gateway that sends what cannot be understood is cut off; the others go on.
"""

import asyncio
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from itertools import count
from pathlib import Path
from time import monotonic

import msgspec

from router.classify.classifier import NO_MEANINGS, Classifier
from router.classify.native.library import ensure_built
from router.classify.port import Made, Text
from router.classify.queued import MOST_BATCH, Job, Queued, Taken
from router.classify.wire import VECTOR, Meanings, Told, asked, encode
from router.frames import Frames
from weir.stopping import told_to_stop

READY = "classifier ready"
ORPHAN_S = 1.0  # how often it is looked whether the front process is still there


class Server:
    """Connections on one side, one computing thread on the other."""

    def __init__(self, classifier: Classifier, batch: int = MOST_BATCH) -> None:
        self._classifier = classifier
        self._queue = Queued(batch, light=classifier.has_light)
        self._more = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "classify")
        self._owners = count()
        self._frames: dict[int, Frames] = {}
        self._meanings: dict[int, Meanings] = {}

    async def serve(self, path: str) -> asyncio.Server:
        """Listen on a socket of the file system."""
        return await asyncio.get_running_loop().create_unix_server(self._accept, path)

    async def run(self) -> None:
        """Compute batches, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await self._more.wait()
            taken = self._queue.take(monotonic())
            for job in taken.late:
                self._tell(job, Told(job.ask.id, {}, late=True))
            if taken.batch:
                await loop.run_in_executor(self._thread, self._compute, taken, loop.call_soon_threadsafe)
            if not self._queue:
                self._more.clear()

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=False)

    def _compute(self, taken: Taken, tell: Callable[..., object]) -> None:
        begun = monotonic()
        texts = [Text(job.ask.text, job.ask.previous, job.ask.tokens) for job in taken.batch]
        wanted = [frozenset(job.ask.names) for job in taken.batch]
        meanings = [self._meanings.get(job.owner, NO_MEANINGS) for job in taken.batch]
        told = self._classifier.read(texts, wanted, meanings, taken.light)
        self._queue.took(monotonic() - begun, len(taken.batch), light=taken.light)
        for job, names, readings in zip(taken.batch, wanted, told, strict=True):
            light = taken.light and self._classifier.needs_encoder(names)
            vector = self._classifier.embed(job.ask.text).tobytes() if VECTOR in names and not taken.light else b""
            tell(self._tell, job, Told(job.ask.id, readings, light=light, vector=vector))

    def _tell(self, job: Job, told: Told) -> None:
        frames = self._frames.get(job.owner)
        if frames is not None:
            frames.send(encode(told))

    def _accept(self) -> Frames:
        owner = next(self._owners)

        def gone() -> None:
            self._frames.pop(owner, None)
            self._meanings.pop(owner, None)

        frames = self._frames[owner] = Frames(lambda frame: self._heard(owner, frame), gone)
        return frames

    def _heard(self, owner: int, frame: bytes) -> None:
        try:
            said = asked(frame)
        except msgspec.MsgspecError:
            self._frames[owner].close()
            return
        if isinstance(said, Meanings):
            self._meanings[owner] = said
        else:
            job = Job(ask=said, due_s=monotonic() + said.within_s, owner=owner)
            if self._queue.add(job):
                self._more.set()
            else:
                self._tell(job, Told(said.id, {}, late=True))


async def _main(path: str, made: Made, batch: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    with told_to_stop(stop.set):
        server = Server(Classifier(made), batch)
        listening = await server.serve(path)
        computing = loop.create_task(server.run())
        print(READY, flush=True)  # noqa: T201 (what the front process waits for)
        ends = [computing, loop.create_task(stop.wait()), loop.create_task(_orphaned(os.getppid()))]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    listening.close()
    server.close()
    if computing.done():
        computing.result()  # what it died of is for the front process to see


async def _orphaned(parent: int) -> None:
    """Wait until whoever started this process is gone, however it went."""
    while os.getppid() == parent:  # noqa: ASYNC110 (nobody tells)
        await asyncio.sleep(ORPHAN_S)


def main() -> None:
    """`python -m router.classify.worker SOCKET MODULE:FUNCTION MODELS BATCH`: started by the front process.

    The function loads what a folder holds, and answers with `Made`.
    """
    path, maker, models, batch = sys.argv[1:5]
    module, _, function = maker.partition(":")
    os.nice(5)  # gateways go first
    ensure_built()
    made: Made = getattr(import_module(module), function)(Path(models) if models else None)
    Path(path).unlink(missing_ok=True)
    asyncio.run(_main(path, made, int(batch)))


if __name__ == "__main__":
    main()
