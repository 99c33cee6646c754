"""Requests beside the client's own: a prefill leg that runs while the decode leg does, a bootstrap server's answer."""

import asyncio

from router.gateway.framing import CHUNKED, BadFraming, dechunk, reply_head

MOST_BYTES = 16 << 20


class SideFailed(Exception):
    """A side request that came to nothing."""


async def asked(address: str, request: bytes, timeout_s: float) -> tuple[int, bytes]:
    """Status and content of one request over a connection of its own; raises `SideFailed`."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(host.strip("[]"), int(port), limit=MOST_BYTES)
            try:
                writer.write(request)
                return await _reply(reader)
            finally:
                writer.close()
    except (OSError, TimeoutError, EOFError, BadFraming, asyncio.LimitOverrunError, ValueError) as error:
        raise SideFailed(f"{address}: {error}") from None


async def _reply(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = reply_head((await reader.readuntil(b"\r\n\r\n"))[:-4])
    if head.length == CHUNKED:
        parts = [await reader.readuntil(b"\r\n")]
        while size := int(parts[-1], 16):
            parts += [await reader.readexactly(size + 2), await reader.readuntil(b"\r\n")]
        return head.status, dechunk(b"".join(parts))
    return head.status, await (reader.readexactly(head.length) if head.length >= 0 else reader.read(MOST_BYTES))
