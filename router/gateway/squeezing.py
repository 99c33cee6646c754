"""A prompt that may be compressed and is a little too long for the pool of short ones is: sentences that tell least go.

It is done in a thread: of a long prompt it takes tens of milliseconds, and others wait on the loop meanwhile.
"""

import asyncio
from collections.abc import Callable

from router.auto.leg_bodies import compressed


def squeeze_apart(body: bytes, share: float, go_on: Callable[[bytes], None]) -> None:
    """Have a body's long texts cut to about a share of what they were; `go_on` is called on the loop with what is left,
    or with the body as it was where that failed.
    """

    def done(made: "asyncio.Future[bytes]") -> None:
        failed = made.cancelled() or made.exception() is not None
        go_on(body if failed else made.result())

    asyncio.get_running_loop().run_in_executor(None, compressed, body, share).add_done_callback(done)
