"""What a router does with Redis: its load told and others' heard, its sessions kept; loaded only where there is one."""

from collections.abc import Coroutine

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

    def tasks(self) -> tuple[Coroutine[None, None, None], ...]:
        """Its loops, without end."""
        return self.load.run(), self.sessions.run()
