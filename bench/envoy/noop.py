"""The least that an interpreted processor can do: `python -m bench.envoy.noop PORT` lets every request's headers go on.

It understands just enough of HTTP/2 to answer each call with the same bytes, and reads nothing of what it is told.
"""

import asyncio
import sys
from typing import cast

import uvloop

from router.extproc import answers, frames
from router.extproc.heads import DONE, STARTED
from router.worker import listen

ONWARD = answers.CONTINUES[answers.REQUEST_HEADERS]


class Onward(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Grant as much as there is."""
        self._transport, self._rest, self._greeted, self._owed = cast("asyncio.Transport", transport), b"", False, 0
        self._transport.write(frames.settings({frames.TABLE_SIZE: 0}) + frames.window_update(0, 1 << 30))

    def data_received(self, data: bytes) -> None:
        """Answer every frame that wants an answer."""
        data, at = self._rest + data, 0 if self._greeted else len(frames.PREFACE)
        self._greeted = True
        out: list[bytes] = []
        while len(data) - at >= 9:
            size = int.from_bytes(data[at : at + 3], "big")
            if len(data) - at - 9 < size:
                break
            out.append(self._frame(data[at + 3], data[at + 4], data[at + 5 : at + 9], size))
            at += 9 + size
        self._rest = data[at:]
        self._transport.write(b"".join(out))

    def _frame(self, kind: int, flags: int, number: bytes, size: int) -> bytes:
        stream = int.from_bytes(number, "big")
        if kind == frames.HEADERS:
            return frames.frame(frames.HEADERS, frames.END_HEADERS, stream, STARTED)
        if kind == frames.SETTINGS and not flags:
            return frames.frame(frames.SETTINGS, frames.ACK, 0, b"")
        if kind != frames.DATA:
            return b""
        if flags & frames.END_STREAM:
            return frames.frame(frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, stream, DONE)
        self._owed += size
        grown = b""
        if self._owed > 1 << 20:
            grown, self._owed = frames.window_update(0, self._owed), 0
        return frames.frame(frames.DATA, 0, stream, ONWARD) + grown


async def serve(port: int) -> None:
    """Serve until stopped."""
    server = await asyncio.get_running_loop().create_server(Onward, sock=listen("127.0.0.1", port))
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
