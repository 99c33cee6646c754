from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Replica(_message.Message):
    __slots__ = ("name", "address", "pool", "model", "gpu", "profile", "role", "gpus", "block_tokens", "context_limit", "epoch", "events", "replay", "engine", "tokenizer", "chat_template", "adapters", "retention")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    GPU_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    GPUS_FIELD_NUMBER: _ClassVar[int]
    BLOCK_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_LIMIT_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    REPLAY_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    TOKENIZER_FIELD_NUMBER: _ClassVar[int]
    CHAT_TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    ADAPTERS_FIELD_NUMBER: _ClassVar[int]
    RETENTION_FIELD_NUMBER: _ClassVar[int]
    name: str
    address: str
    pool: str
    model: str
    gpu: str
    profile: str
    role: str
    gpus: int
    block_tokens: int
    context_limit: int
    epoch: int
    events: str
    replay: str
    engine: Engine
    tokenizer: str
    chat_template: str
    adapters: _containers.RepeatedScalarFieldContainer[str]
    retention: str
    def __init__(self, name: _Optional[str] = ..., address: _Optional[str] = ..., pool: _Optional[str] = ..., model: _Optional[str] = ..., gpu: _Optional[str] = ..., profile: _Optional[str] = ..., role: _Optional[str] = ..., gpus: _Optional[int] = ..., block_tokens: _Optional[int] = ..., context_limit: _Optional[int] = ..., epoch: _Optional[int] = ..., events: _Optional[str] = ..., replay: _Optional[str] = ..., engine: _Optional[_Union[Engine, _Mapping]] = ..., tokenizer: _Optional[str] = ..., chat_template: _Optional[str] = ..., adapters: _Optional[_Iterable[str]] = ..., retention: _Optional[str] = ...) -> None: ...

class Engine(_message.Message):
    __slots__ = ("max_num_seqs", "max_num_batched_tokens", "slowdown", "host_s", "frontend_s", "price_per_gpu_hour", "kv_tokens", "memory_utilisation")
    MAX_NUM_SEQS_FIELD_NUMBER: _ClassVar[int]
    MAX_NUM_BATCHED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SLOWDOWN_FIELD_NUMBER: _ClassVar[int]
    HOST_S_FIELD_NUMBER: _ClassVar[int]
    FRONTEND_S_FIELD_NUMBER: _ClassVar[int]
    PRICE_PER_GPU_HOUR_FIELD_NUMBER: _ClassVar[int]
    KV_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_UTILISATION_FIELD_NUMBER: _ClassVar[int]
    max_num_seqs: int
    max_num_batched_tokens: int
    slowdown: float
    host_s: float
    frontend_s: float
    price_per_gpu_hour: float
    kv_tokens: int
    memory_utilisation: float
    def __init__(self, max_num_seqs: _Optional[int] = ..., max_num_batched_tokens: _Optional[int] = ..., slowdown: _Optional[float] = ..., host_s: _Optional[float] = ..., frontend_s: _Optional[float] = ..., price_per_gpu_hour: _Optional[float] = ..., kv_tokens: _Optional[int] = ..., memory_utilisation: _Optional[float] = ...) -> None: ...

class ReplicaReport(_message.Message):
    __slots__ = ("name", "ready", "reason", "running", "waiting", "kv_used", "kv_tokens", "age_s", "knowledge")
    NAME_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    KV_USED_FIELD_NUMBER: _ClassVar[int]
    KV_TOKENS_FIELD_NUMBER: _ClassVar[int]
    AGE_S_FIELD_NUMBER: _ClassVar[int]
    KNOWLEDGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    ready: bool
    reason: str
    running: int
    waiting: int
    kv_used: float
    kv_tokens: int
    age_s: float
    knowledge: str
    def __init__(self, name: _Optional[str] = ..., ready: _Optional[bool] = ..., reason: _Optional[str] = ..., running: _Optional[int] = ..., waiting: _Optional[int] = ..., kv_used: _Optional[float] = ..., kv_tokens: _Optional[int] = ..., age_s: _Optional[float] = ..., knowledge: _Optional[str] = ...) -> None: ...

class Directions(_message.Message):
    __slots__ = ("policy", "settings", "ttft_s", "tpot_s", "classes", "rewrites", "objectives", "elastic", "boundaries")
    class SettingsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    POLICY_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    TTFT_S_FIELD_NUMBER: _ClassVar[int]
    TPOT_S_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    REWRITES_FIELD_NUMBER: _ClassVar[int]
    OBJECTIVES_FIELD_NUMBER: _ClassVar[int]
    ELASTIC_FIELD_NUMBER: _ClassVar[int]
    BOUNDARIES_FIELD_NUMBER: _ClassVar[int]
    policy: str
    settings: _containers.ScalarMap[str, float]
    ttft_s: float
    tpot_s: float
    classes: _containers.RepeatedCompositeFieldContainer[SloClass]
    rewrites: _containers.RepeatedCompositeFieldContainer[Rewrite]
    objectives: _containers.RepeatedCompositeFieldContainer[Objective]
    elastic: _containers.RepeatedCompositeFieldContainer[Replica]
    boundaries: _containers.RepeatedCompositeFieldContainer[Boundary]
    def __init__(self, policy: _Optional[str] = ..., settings: _Optional[_Mapping[str, float]] = ..., ttft_s: _Optional[float] = ..., tpot_s: _Optional[float] = ..., classes: _Optional[_Iterable[_Union[SloClass, _Mapping]]] = ..., rewrites: _Optional[_Iterable[_Union[Rewrite, _Mapping]]] = ..., objectives: _Optional[_Iterable[_Union[Objective, _Mapping]]] = ..., elastic: _Optional[_Iterable[_Union[Replica, _Mapping]]] = ..., boundaries: _Optional[_Iterable[_Union[Boundary, _Mapping]]] = ...) -> None: ...

class Boundary(_message.Message):
    __slots__ = ("short", "long", "tokens", "gamma")
    SHORT_FIELD_NUMBER: _ClassVar[int]
    LONG_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    GAMMA_FIELD_NUMBER: _ClassVar[int]
    short: str
    long: str
    tokens: float
    gamma: float
    def __init__(self, short: _Optional[str] = ..., long: _Optional[str] = ..., tokens: _Optional[float] = ..., gamma: _Optional[float] = ...) -> None: ...

class SloClass(_message.Message):
    __slots__ = ("name", "ttft_s", "tpot_s", "priority")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TTFT_S_FIELD_NUMBER: _ClassVar[int]
    TPOT_S_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    name: str
    ttft_s: float
    tpot_s: float
    priority: int
    def __init__(self, name: _Optional[str] = ..., ttft_s: _Optional[float] = ..., tpot_s: _Optional[float] = ..., priority: _Optional[int] = ...) -> None: ...

class Rewrite(_message.Message):
    __slots__ = ("model", "targets")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    model: str
    targets: _containers.RepeatedCompositeFieldContainer[Target]
    def __init__(self, model: _Optional[str] = ..., targets: _Optional[_Iterable[_Union[Target, _Mapping]]] = ...) -> None: ...

class Target(_message.Message):
    __slots__ = ("model", "weight")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    model: str
    weight: int
    def __init__(self, model: _Optional[str] = ..., weight: _Optional[int] = ...) -> None: ...

class Objective(_message.Message):
    __slots__ = ("name", "priority")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    name: str
    priority: int
    def __init__(self, name: _Optional[str] = ..., priority: _Optional[int] = ...) -> None: ...

class FleetUpdate(_message.Message):
    __slots__ = ("version", "snapshot", "replicas", "removed", "reports", "events", "directions")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    DIRECTIONS_FIELD_NUMBER: _ClassVar[int]
    version: int
    snapshot: bool
    replicas: _containers.RepeatedCompositeFieldContainer[Replica]
    removed: _containers.RepeatedScalarFieldContainer[str]
    reports: _containers.RepeatedCompositeFieldContainer[ReplicaReport]
    events: _containers.RepeatedCompositeFieldContainer[KvEvent]
    directions: Directions
    def __init__(self, version: _Optional[int] = ..., snapshot: _Optional[bool] = ..., replicas: _Optional[_Iterable[_Union[Replica, _Mapping]]] = ..., removed: _Optional[_Iterable[str]] = ..., reports: _Optional[_Iterable[_Union[ReplicaReport, _Mapping]]] = ..., events: _Optional[_Iterable[_Union[KvEvent, _Mapping]]] = ..., directions: _Optional[_Union[Directions, _Mapping]] = ...) -> None: ...

class KvEvent(_message.Message):
    __slots__ = ("replica", "epoch", "sequence", "kind", "blocks", "tier", "block_tokens")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[KvEvent.Kind]
        STORED: _ClassVar[KvEvent.Kind]
        REMOVED: _ClassVar[KvEvent.Kind]
        CLEARED: _ClassVar[KvEvent.Kind]
    KIND_UNSPECIFIED: KvEvent.Kind
    STORED: KvEvent.Kind
    REMOVED: KvEvent.Kind
    CLEARED: KvEvent.Kind
    REPLICA_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    BLOCK_TOKENS_FIELD_NUMBER: _ClassVar[int]
    replica: str
    epoch: int
    sequence: int
    kind: KvEvent.Kind
    blocks: _containers.RepeatedScalarFieldContainer[int]
    tier: str
    block_tokens: int
    def __init__(self, replica: _Optional[str] = ..., epoch: _Optional[int] = ..., sequence: _Optional[int] = ..., kind: _Optional[_Union[KvEvent.Kind, str]] = ..., blocks: _Optional[_Iterable[int]] = ..., tier: _Optional[str] = ..., block_tokens: _Optional[int] = ...) -> None: ...

class WatchFleetRequest(_message.Message):
    __slots__ = ("router", "without_events")
    ROUTER_FIELD_NUMBER: _ClassVar[int]
    WITHOUT_EVENTS_FIELD_NUMBER: _ClassVar[int]
    router: str
    without_events: bool
    def __init__(self, router: _Optional[str] = ..., without_events: _Optional[bool] = ...) -> None: ...

class GetFleetRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Demand(_message.Message):
    __slots__ = ("router", "age_s", "pools", "held")
    class HeldEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    ROUTER_FIELD_NUMBER: _ClassVar[int]
    AGE_S_FIELD_NUMBER: _ClassVar[int]
    POOLS_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    router: str
    age_s: float
    pools: _containers.RepeatedCompositeFieldContainer[PoolDemand]
    held: _containers.ScalarMap[str, int]
    def __init__(self, router: _Optional[str] = ..., age_s: _Optional[float] = ..., pools: _Optional[_Iterable[_Union[PoolDemand, _Mapping]]] = ..., held: _Optional[_Mapping[str, int]] = ...) -> None: ...

class PoolDemand(_message.Message):
    __slots__ = ("pool", "role", "arrived", "prompt_tokens", "ended", "output_tokens", "judged", "late", "lengths", "answered", "answer_tokens")
    POOL_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    ARRIVED_FIELD_NUMBER: _ClassVar[int]
    PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    JUDGED_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    LENGTHS_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    ANSWER_TOKENS_FIELD_NUMBER: _ClassVar[int]
    pool: str
    role: str
    arrived: int
    prompt_tokens: int
    ended: int
    output_tokens: int
    judged: int
    late: int
    lengths: _containers.RepeatedScalarFieldContainer[int]
    answered: _containers.RepeatedScalarFieldContainer[int]
    answer_tokens: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, pool: _Optional[str] = ..., role: _Optional[str] = ..., arrived: _Optional[int] = ..., prompt_tokens: _Optional[int] = ..., ended: _Optional[int] = ..., output_tokens: _Optional[int] = ..., judged: _Optional[int] = ..., late: _Optional[int] = ..., lengths: _Optional[_Iterable[int]] = ..., answered: _Optional[_Iterable[int]] = ..., answer_tokens: _Optional[_Iterable[int]] = ...) -> None: ...

class DemandHeard(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
