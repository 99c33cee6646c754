"""Running what must not end: a loop that fails is started again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

FIRST_S, LONGEST_S = 0.5, 30.0


async def supervised(what: str, run: Callable[[], Awaitable[None]]) -> None:
    """Run it for ever; a failure is logged in one line, and the pause before the next try doubles up to a bound."""
    pause_s = FIRST_S
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        try:
            await run()
            return
        except Exception as error:  # noqa: BLE001 (a supervised loop)
            if loop.time() - began > LONGEST_S:
                pause_s = FIRST_S
            log.warning("%s failed (%s: %s); again in %.1f s", what, type(error).__name__, error, pause_s)
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, LONGEST_S)
