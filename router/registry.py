"""What a router does with Redis: its load told and others' heard, its sessions kept; loaded only where there is one."""

from collections.abc import Awaitable, Callable

from router.exposition import Exposition
from router.peers import Peers
from router.registry_load import LoadShare
from router.registry_metrics import RegistryMetrics
from router.registry_sessions import Sessions


class Registry:
    """The front's side of it; raises `weir.redis_url.BadRedisUrl`."""

    def __init__(self, url: str, peers: Peers, exposition: Exposition) -> None:
        self.sessions = Sessions(url)
        self.load = LoadShare(url, peers)
        exposition.registry.register(RegistryMetrics(self.load.state, self.sessions))

    def loops(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """What it does without end, by what that is."""
        return {"telling and hearing load": self.load.run, "keeping sessions": self.sessions.run}
