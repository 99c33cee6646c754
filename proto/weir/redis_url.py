"""A client of the Redis behind a URL; loaded only where there is one.

redis://[user:password@]host:port[/db]    rediss://... over TLS    unix://path    (`?ssl_ca_certs=FILE` and so on)
redis+cluster://host:port                 rediss+cluster://...     any one node of a cluster
"""

from typing import Any

CLUSTER = "+cluster"


class BadRedisUrl(ValueError):
    """A URL that names no Redis."""


def connected(url: str, timeout_s: float) -> Any:
    """An asyncio client, not connected yet; raises `BadRedisUrl`."""
    from redis.asyncio import Redis
    from redis.asyncio.cluster import RedisCluster

    scheme, _, rest = url.partition("://")
    limits: dict[str, Any] = {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s}
    try:
        if scheme.endswith(CLUSTER):
            plain = f"{scheme.removesuffix(CLUSTER)}://{rest}"
            return RedisCluster.from_url(plain, **limits)
        return Redis.from_url(url, **limits)
    except ValueError as bad:
        raise BadRedisUrl(f"{_named(scheme)} is no Redis URL: {bad}") from None


def _named(scheme: str) -> str:
    """Without what may be a password."""
    return f"{scheme}://…"
