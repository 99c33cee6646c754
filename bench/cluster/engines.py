"""Thousands of engines that are only well: one process, one port, every address of 127/8. `python -m ... PORT`."""

import asyncio
import sys
from typing import cast

import uvloop

METRICS = b"""vllm:num_requests_running{engine="0"} 0.0
vllm:num_requests_waiting{engine="0"} 0.0
vllm:kv_cache_usage_perc{engine="0"} 0.25
vllm:cache_config_info{block_size="16",num_gpu_blocks="8000"} 1.0
process_start_time_seconds 1000.0
"""


def answer(status: bytes, body: bytes) -> bytes:
    """An HTTP answer, whole."""
    return b"HTTP/1.1 %s\r\ncontent-length: %d\r\n\r\n%s" % (status, len(body), body)


WELL, READING, UNKNOWN = answer(b"200 OK", b""), answer(b"200 OK", METRICS), answer(b"404 Not Found", b"")


class Engine(asyncio.Protocol):
    """Answers /health and /metrics."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Someone asks."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """A whole request: they are small."""
        path = data.split(b" ", 2)[1]
        self._transport.write(WELL if path == b"/health" else READING if path == b"/metrics" else UNKNOWN)


async def serve(port: int) -> None:
    """Answer for ever."""
    server = await asyncio.get_running_loop().create_server(Engine, "0.0.0.0", port, backlog=4096)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
