"""The pool's settings."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt


class Settings(BaseModel):
    """All that `weir pool` can be told; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    listen: str = Field(default="127.0.0.1:9100", pattern=r"^.+:\d+$")  # gRPC, host:port; port 0 takes a free one
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = Field(default=None, ge=0, le=65535)  # Prometheus; none when left out, 0 a free one
    redis: str | None = None  # URL; memory alone when left out
    scrape_interval_s: PositiveFloat = 1.0
    scrape_timeout_s: PositiveFloat = 2.0
    failures: PositiveInt = 3  # in a row, until a replica is not ready
    discovery_interval_s: PositiveFloat = 1.0  # how often the fleet file is looked at
    watch_resources: bool = False  # whether Fleet, Pool and RoutePolicy resources are taken in
    lease: str = ""  # Lease by which pool services agree on who acts; whoever has none acts
    scaling: Literal["off", "recommend", "act"] = "off"
    scaling_policy: str = ""  # what wants replicas; what the Pool resources ask for when left out
    scaling_settings: dict[str, float] = {}  # of that policy
    kv_source: str = "vllm"  # decoder of the engines' KV events
    ranks: int = Field(default=1, ge=1, le=64)  # data-parallel ranks of a replica whose engine does not say
    replay_idle_s: PositiveFloat = 2.0  # a replay that is silent for so long has ended
    recheck_s: PositiveFloat = 10.0  # ask for lost events after so long a silence
    blocks_per_replica: PositiveInt = 1 << 21
    coalesce_s: PositiveFloat = 0.02  # changes wait so long for others
    heartbeat_s: float = Field(default=0.5, gt=0.0, le=1.0)
    lease_s: PositiveFloat = 10.0
    snapshot_interval_s: PositiveFloat = 10.0
    roles: Literal["fixed", "told", "switched"] = "fixed"  # told: what would be switched is logged, nothing is


FREE = (
    "scrape_timeout_s", "failures", "discovery_interval_s", "replay_idle_s", "recheck_s", "blocks_per_replica",
    "coalesce_s", "heartbeat_s", "lease_s", "snapshot_interval_s",
)  # fmt: skip
"""The settings that `weir pool --option` takes: all others have an option of their own."""
