"""The fleet file: pools of replicas, the engines' settings, the SLO; the same models validate it everywhere."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

from policies.perf.profiles import gpu, model
from policies.policy import routing
from policies.registry import UnknownName
from weir.selectors import selector
from weir.strictyaml import load
from weir.v1 import fleet_pb2


class Strict(BaseModel):
    """An unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Engine(Strict):
    """How the pool's engines are started; what is left out is the profile's default."""

    max_num_seqs: PositiveInt = 256
    max_num_batched_tokens: PositiveInt = 8192
    block_size: PositiveInt = 16
    max_model_len: PositiveInt | None = None  # tokens of prompt and output; the model's own limit when left out
    kv_tokens: PositiveInt | None = None  # KV capacity; from the GPU's memory when left out
    gpu_memory_utilization: float = Field(default=0.9, gt=0.0, le=1.0)
    slowdown: PositiveFloat | None = None
    host_s: float | None = None
    frontend_s: float | None = None


class SloClass(Strict):
    """Requests that name this class: deadlines of their own where given, and who goes first where they must wait."""

    name: str = Field(min_length=1)
    ttft_s: PositiveFloat | None = None
    tpot_s: PositiveFloat | None = None
    priority: int = 0  # the higher, the sooner served and the later turned away; requests of no class have 0


class Slo(Strict):
    """The deadlines that goodput counts against."""

    ttft_s: PositiveFloat = 2.0
    tpot_s: PositiveFloat = 0.1
    classes: list[SloClass] = []

    @model_validator(mode="after")
    def _class_names_are_unique(self) -> "Slo":
        names = [each.name for each in self.classes]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"two SLO classes named {min(twice)!r}: a class's name is its identity")
        return self


class Discover(Strict):
    """Where a pool's replicas are found, and found again as they come and go: one way of these."""

    pods: str = ""  # label selector of pods
    service: str = ""  # a Service, by its EndpointSlices
    inference_pool: str = ""  # an InferencePool of the Gateway API Inference Extension
    dns: str = ""  # a host name; each of its addresses is a replica
    namespace: str = ""  # the pool service's own when left out
    port: int = Field(default=8000, ge=1, le=65535)  # of the engines' HTTP API
    events_port: int | None = Field(default=None, ge=1, le=65535)  # of their KV events
    replay_port: int | None = Field(default=None, ge=1, le=65535)
    target: str = Field(default="", pattern=r"^((Deployment|StatefulSet|LeaderWorkerSet)/.+)?$")  # what is scaled

    @model_validator(mode="after")
    def _one_way(self) -> "Discover":
        ways = ("pods", "service", "inference_pool", "dns")
        if sum(bool(getattr(self, way)) for way in ways) != 1:
            raise ValueError(f"discover: give exactly one of {', '.join(ways)}")
        if self.pods and not selector(self.pods).terms:
            raise ValueError("discover: an empty selector would make every pod an engine")
        return self


def _is_address(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return bool(host) and port.isascii() and port.isdecimal() and 0 < int(port) < 1 << 16


class Pool(Strict):
    """Replicas of one kind: one GPU type, one model, one role."""

    name: str = Field(min_length=1)
    gpu: str
    model: str  # a model profile
    served_name: str | None = None  # the name clients ask for; the profile's when left out
    gpus_per_replica: PositiveInt = 1
    replicas: PositiveInt | None = None  # how many to emulate where no addresses are given
    addresses: list[str] = []  # host:port of live engines
    discover: Discover | None = None  # or where to find them
    events: list[str] = []  # their KV event endpoints, tcp://host:port, one per address
    replay: list[str] = []  # their replay endpoints
    role: Literal["mixed", "prefill", "decode", "encode", "encode+decode"] = "mixed"
    engine: Engine = Engine()
    price_per_gpu_hour: PositiveFloat | None = None
    tokenizer: str | None = None  # a vocabulary (llama3, qwen3 ...), a model's folder or a tokenizer.json; the
    # profile's when left out
    chat_template: str | None = (
        None  # a family (llama3, chatml, plain) or a Jinja file; a model folder's own goes first
    )
    retention: Literal["vllm"] | None = None  # how engines are told what to keep; no release of vLLM takes it yet
    adapters: list[str] = []  # LoRA adapters that every replica has loaded; engines that are asked say so themselves

    @model_validator(mode="after")
    def _counts_agree(self) -> "Pool":
        for i, address in enumerate(self.addresses):
            if not _is_address(address):
                raise ValueError(f"pool {self.name}: {address!r} is no address: write host:port")
            if address in self.addresses[:i]:
                raise ValueError(f"pool {self.name}: {address!r} stands twice: an engine is one replica")
        if not self.addresses and self.replicas is None and self.discover is None:
            raise ValueError(f"pool {self.name}: give `addresses` or `discover` for live engines, or `replicas`")
        if self.addresses and self.discover is not None:
            raise ValueError(f"pool {self.name}: give `addresses` or `discover`, not both")
        for key in ("events", "replay"):
            given = getattr(self, key)
            if given and len(given) != len(self.addresses):
                raise ValueError(f"pool {self.name}: {len(given)} {key} for {len(self.addresses)} addresses: one each")
        return self

    @model_validator(mode="after")
    def _adapters_are_no_models(self) -> "Pool":
        if self.serves in self.adapters:
            raise ValueError(f"pool {self.name}: adapter {self.serves!r} is named as its model: rename one")
        return self

    @property
    def serves(self) -> str:
        """The model name clients ask for."""
        return self.served_name or self.model

    @property
    def size(self) -> int:
        """Replicas in this pool."""
        return len(self.addresses) or self.replicas or 0


class Target(Strict):
    """One model that a rewritten request may go to."""

    model: str = Field(min_length=1)
    weight: PositiveInt = 1


class Rewrite(Strict):
    """Requests for one model go to others, as an InferenceModelRewrite says; at an Envoy's endpoint picker."""

    model: str = Field(min_length=1)  # as clients ask for it; "*": every model without a rewrite of its own
    targets: list[Target] = Field(min_length=1)


class Objective(Strict):
    """What a request may name as its objective, as an InferenceObjective says."""

    name: str = Field(min_length=1)
    priority: int = 0  # the higher, the sooner served; below 0 it is refused where it would come late


class Route(Strict):
    """The routing policy and its settings."""

    policy: str = "shortest_ttft"
    settings: dict[str, float] = {}

    @model_validator(mode="after")
    def _known(self) -> "Route":
        try:
            routing(self.policy, self.settings)
        except UnknownName as unknown:
            raise ValueError(str(unknown)) from None
        return self


class Select(Strict):
    """How a model is chosen for requests that name none."""

    rules: str = Field(min_length=1)  # a file of rules, beside this one unless its path says otherwise
    heads: str | None = None  # folder of trained heads; the packaged ones when left out
    deadline_s: PositiveFloat = 0.05  # after which a request goes on without the classifier's readings


def _known(pool: Pool) -> Pool:
    """Pools of a file are of GPUs and models that there are; of a resource whoever takes it in says so."""
    try:
        gpu(pool.gpu)
        model(pool.model)
    except UnknownName as unknown:
        raise ValueError(f"pool {pool.name}: {unknown}") from None
    return pool


class FleetFile(Strict):
    """A whole fleet."""

    pools: list[Annotated[Pool, AfterValidator(_known)]] = Field(min_length=1)
    slo: Slo = Slo()
    route: Route | None = None  # the router's own options when left out
    rewrites: list[Rewrite] = []
    objectives: list[Objective] = []
    select: Select | None = None

    @model_validator(mode="after")
    def _names_are_unique(self) -> "FleetFile":
        names = [pool.name for pool in self.pools]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"two pools named {min(twice)!r}: a pool's name is its identity")
        return self

    @model_validator(mode="after")
    def _adapters_are_no_models(self) -> "FleetFile":
        served = {pool.serves: pool.name for pool in self.pools}
        for pool in self.pools:
            for adapter in pool.adapters:
                if adapter in served:
                    raise ValueError(
                        f"pool {pool.name}: adapter {adapter!r} is named as the model of pool {served[adapter]}: "
                        "a request could mean either; rename one (`served_name`, or the adapter)"
                    )
        return self

    @model_validator(mode="after")
    def _rules_are_unique(self) -> "FleetFile":
        for kind, given in (
            ("rewrites of model", [each.model for each in self.rewrites]),
            ("objectives named", [each.name for each in self.objectives]),
        ):
            twice = {name for name in given if given.count(name) > 1}
            if twice:
                raise ValueError(f"two {kind} {min(twice)!r}: one each")
        return self


def read_fleet(path: Path) -> FleetFile:
    """The fleet file at `path`; `weir.strictyaml.BadFile` says file, line and key of what is wrong."""
    return load(path, FleetFile)


def message(pool: Pool, index: int, address: str, events: str = "", replay: str = "") -> fleet_pb2.Replica:
    """The wire's description of replica `index` of a pool, listening at `address`."""
    engine, profile = pool.engine, model(pool.model)
    return fleet_pb2.Replica(
        name=f"{pool.name}-{index}",
        address=address,
        pool=pool.name,
        model=pool.serves,
        gpu=pool.gpu,
        profile=pool.model,
        role=pool.role,
        gpus=pool.gpus_per_replica,
        block_tokens=engine.block_size,
        context_limit=engine.max_model_len or profile.context_tokens,
        events=events,
        replay=replay,
        tokenizer=profile.tokenizer if pool.tokenizer is None else pool.tokenizer,
        chat_template=profile.template if pool.chat_template is None else pool.chat_template,
        adapters=pool.adapters,
        retention=pool.retention or "",
        engine=fleet_pb2.Engine(
            max_num_seqs=engine.max_num_seqs,
            max_num_batched_tokens=engine.max_num_batched_tokens,
            slowdown=engine.slowdown,
            host_s=engine.host_s,
            frontend_s=engine.frontend_s,
            price_per_gpu_hour=pool.price_per_gpu_hour,
            kv_tokens=engine.kv_tokens or 0,
            memory_utilisation=engine.gpu_memory_utilization,
        ),
    )


def messages(fleet: FleetFile) -> list[fleet_pb2.Replica]:
    """Every replica of a fleet whose pools give addresses."""
    return [
        message(pool, index, address, *(e[index] if e else "" for e in (pool.events, pool.replay)))
        for pool in fleet.pools
        for index, address in enumerate(pool.addresses)
    ]
