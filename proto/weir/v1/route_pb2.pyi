from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RouteRequest(_message.Message):
    __slots__ = ("request_id", "model", "body", "prompt_tokens", "token_ids", "max_tokens", "session", "tenant", "slo", "path", "objective")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TOKEN_IDS_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    SLO_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    OBJECTIVE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    model: str
    body: bytes
    prompt_tokens: int
    token_ids: _containers.RepeatedScalarFieldContainer[int]
    max_tokens: int
    session: str
    tenant: str
    slo: str
    path: str
    objective: str
    def __init__(self, request_id: _Optional[str] = ..., model: _Optional[str] = ..., body: _Optional[bytes] = ..., prompt_tokens: _Optional[int] = ..., token_ids: _Optional[_Iterable[int]] = ..., max_tokens: _Optional[int] = ..., session: _Optional[str] = ..., tenant: _Optional[str] = ..., slo: _Optional[str] = ..., path: _Optional[str] = ..., objective: _Optional[str] = ...) -> None: ...

class Candidate(_message.Message):
    __slots__ = ("replica", "ttft_s", "tpot_s", "cost_usd", "cached_tokens")
    REPLICA_FIELD_NUMBER: _ClassVar[int]
    TTFT_S_FIELD_NUMBER: _ClassVar[int]
    TPOT_S_FIELD_NUMBER: _ClassVar[int]
    COST_USD_FIELD_NUMBER: _ClassVar[int]
    CACHED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    replica: str
    ttft_s: float
    tpot_s: float
    cost_usd: float
    cached_tokens: int
    def __init__(self, replica: _Optional[str] = ..., ttft_s: _Optional[float] = ..., tpot_s: _Optional[float] = ..., cost_usd: _Optional[float] = ..., cached_tokens: _Optional[int] = ...) -> None: ...

class RouteReply(_message.Message):
    __slots__ = ("decision_id", "send", "queue", "shed", "candidates", "policy", "settings_hash", "propensity", "model")
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    SEND_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    SHED_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_HASH_FIELD_NUMBER: _ClassVar[int]
    PROPENSITY_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    send: Send
    queue: Queue
    shed: Shed
    candidates: _containers.RepeatedCompositeFieldContainer[Candidate]
    policy: str
    settings_hash: str
    propensity: float
    model: str
    def __init__(self, decision_id: _Optional[str] = ..., send: _Optional[_Union[Send, _Mapping]] = ..., queue: _Optional[_Union[Queue, _Mapping]] = ..., shed: _Optional[_Union[Shed, _Mapping]] = ..., candidates: _Optional[_Iterable[_Union[Candidate, _Mapping]]] = ..., policy: _Optional[str] = ..., settings_hash: _Optional[str] = ..., propensity: _Optional[float] = ..., model: _Optional[str] = ...) -> None: ...

class Send(_message.Message):
    __slots__ = ("prefill", "decode", "address", "why")
    PREFILL_FIELD_NUMBER: _ClassVar[int]
    DECODE_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    prefill: str
    decode: str
    address: str
    why: str
    def __init__(self, prefill: _Optional[str] = ..., decode: _Optional[str] = ..., address: _Optional[str] = ..., why: _Optional[str] = ...) -> None: ...

class Queue(_message.Message):
    __slots__ = ("why",)
    WHY_FIELD_NUMBER: _ClassVar[int]
    why: str
    def __init__(self, why: _Optional[str] = ...) -> None: ...

class Shed(_message.Message):
    __slots__ = ("reason", "retry_after_s")
    REASON_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_S_FIELD_NUMBER: _ClassVar[int]
    reason: str
    retry_after_s: float
    def __init__(self, reason: _Optional[str] = ..., retry_after_s: _Optional[float] = ...) -> None: ...

class Report(_message.Message):
    __slots__ = ("decision_id", "first_token", "ok", "ttft_s", "tpot_s", "e2e_s", "prompt_tokens", "output_tokens", "cached_tokens")
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    FIRST_TOKEN_FIELD_NUMBER: _ClassVar[int]
    OK_FIELD_NUMBER: _ClassVar[int]
    TTFT_S_FIELD_NUMBER: _ClassVar[int]
    TPOT_S_FIELD_NUMBER: _ClassVar[int]
    E2E_S_FIELD_NUMBER: _ClassVar[int]
    PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CACHED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    first_token: bool
    ok: bool
    ttft_s: float
    tpot_s: float
    e2e_s: float
    prompt_tokens: int
    output_tokens: int
    cached_tokens: int
    def __init__(self, decision_id: _Optional[str] = ..., first_token: _Optional[bool] = ..., ok: _Optional[bool] = ..., ttft_s: _Optional[float] = ..., tpot_s: _Optional[float] = ..., e2e_s: _Optional[float] = ..., prompt_tokens: _Optional[int] = ..., output_tokens: _Optional[int] = ..., cached_tokens: _Optional[int] = ...) -> None: ...

class ReportReply(_message.Message):
    __slots__ = ("known",)
    KNOWN_FIELD_NUMBER: _ClassVar[int]
    known: bool
    def __init__(self, known: _Optional[bool] = ...) -> None: ...
