"""Control put together: candidate for the Lease, and act while holding it."""

import asyncio
import os
import socket

from pool.control.controller import Controller
from pool.control.leadership import Alone, Leadership
from pool.discovery.fleet import Fleet
from pool.roster import Roster
from pool.routed import Routed
from pool.settings import Settings
from pool.wanting import Wanting
from weir.supervise import supervised


async def control(settings: Settings, fleet: Fleet, roster: Roster, routed: Routed, wanting: Wanting) -> None:
    """Run until cancelled; the Lease is then let go."""
    cluster = fleet.reached()
    me = f"{os.environ.get('POD_NAME') or socket.gethostname()}-{os.getpid()}"
    leadership = Leadership(cluster.api, settings.lease, me) if settings.lease else None
    controller = Controller(
        settings=settings, fleet=fleet, cluster=cluster, roster=roster, leadership=leadership or Alone(), me=me,
        routed=routed, wanting=wanting,
    )  # fmt: skip
    try:
        async with asyncio.TaskGroup() as group:
            if leadership is not None:
                group.create_task(supervised("holding the lease", leadership.run))
            group.create_task(supervised("controlling the fleet", controller.run))
    finally:
        if leadership is not None:
            leadership.release()
