"""The fleet one decision sees: one float64 table, one row a replica, one column a property.

One table rather than an array per property: a compiled kernel takes a single argument for it, and everything that is
known of a replica lies in five cache lines.
"""

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from policies.perf.latency import LatencyModel
from policies.request import hash31

Column = npt.NDArray[np.float64]
Table = npt.NDArray[np.float64]
"""Shape [replicas, WIDTH]: what a kernel reads, as table[i, RUNNING]."""

MIXED, PREFILL, DECODE, ENCODE, ENCODE_DECODE = 0.0, 1.0, 2.0, 3.0, 4.0
ROLES = {
    "mixed": MIXED, "prefill": PREFILL, "decode": DECODE, "encode": ENCODE, "encode+decode": ENCODE_DECODE,
}  # fmt: skip
"""What a replica does; who computes prompts encodes their images too, where nobody encodes for it."""

HBM, HOST, DISK, REMOTE = 0, 1, 2, 3
TIERS = 4


class Columns(NamedTuple):
    """A view of each column of the table by name. Counts are floats: one type, one table."""

    # Whether it may serve a request, and how busy it is, comes first: it shares a cache line.
    key: Column  # 31-bit hash of the replica's name: identity that does not depend on order
    model: Column
    role: Column
    ready: Column  # 1 when it may be sent work
    limit_tokens: Column  # the longest prompt plus answer it takes
    token_s: Column
    # What sends add to stands side by side: routers share these columns as one slice.
    running: Column  # requests past their first token
    waiting: Column  # requests sent and not yet at their first token
    queued_tokens: Column  # prompt tokens, not cached, of the waiting requests; on who encodes, visual tokens
    queued_attended: Column  # pairs of tokens that computing them will attend to
    context_tokens: Column  # tokens that the running requests attend to, each request counted in full
    kv_used: Column  # KV tokens taken by running and waiting requests, shared prefixes counted once where known
    frontend_s: Column  # constant from request to engine and from first token to wire
    slowdown: Column
    kv_tokens: Column  # KV tokens that fit
    chunk_tokens: Column  # tokens one step may compute
    max_seqs: Column  # requests that may run at once
    base_s: Column  # the step model's coefficients, see policies.perf.step
    sequence_s: Column
    context_s: Column
    expert_s: Column
    experts: Column
    top_k: Column
    prefill_base_s: Column
    attention_s: Column
    host_s: Column
    host_load_s: Column  # seconds to bring one cached token from host memory
    disk_load_s: Column  # seconds to bring one cached token from a local disk, through host memory
    remote_load_s: Column  # seconds to bring one cached token over the network
    usd_per_s: Column  # price of the whole replica
    transfer_s: Column  # seconds to send the KV of one token to another replica, as measured where that is known
    transfer_base_s: Column  # set-up of one such transfer
    encode_s: Column  # each visual token, before the slowdown
    pool: Column
    idle_w: Column  # watts with nothing running, see policies.perf.latency
    busy_w: Column  # watts of decoding at batch 1
    sequence_j: Column  # joules of each decoding sequence and step above that, and of each KV token read
    context_j: Column
    limit_w: Column
    bound_tokens: Column  # of its prompts, see policies.boundary; 0 where it takes all


(
    KEY, MODEL, ROLE, READY, LIMIT_TOKENS, TOKEN_S, RUNNING, WAITING, QUEUED_TOKENS, QUEUED_ATTENDED,
    CONTEXT_TOKENS, KV_USED, FRONTEND_S, SLOWDOWN, KV_TOKENS, CHUNK_TOKENS, MAX_SEQS, BASE_S, SEQUENCE_S, CONTEXT_S,
    EXPERT_S, EXPERTS, TOP_K, PREFILL_BASE_S, ATTENTION_S, HOST_S, HOST_LOAD_S, DISK_LOAD_S, REMOTE_LOAD_S, USD_PER_S,
    TRANSFER_S, TRANSFER_BASE_S, ENCODE_S, POOL, IDLE_W, BUSY_W, SEQUENCE_J, CONTEXT_J, LIMIT_W, BOUND_TOKENS,
) = range(len(Columns._fields))  # fmt: skip

WIDTH = 40  # columns of a row: five whole cache lines

COEFFICIENTS = tuple(f.name for f in fields(LatencyModel) if f.name in Columns._fields)
STATE = ("ready", "running", "waiting", "queued_tokens", "queued_attended", "context_tokens", "kv_used")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """What one replica is; what it is doing lives in the columns."""

    name: str
    address: str  # host:port of its HTTP API
    pool: str
    model: str  # the name it serves
    gpu: str
    perf: LatencyModel
    role: str = "mixed"
    block_tokens: int = 16  # tokens in one KV block
    context_limit: int = 131072  # the longest prompt plus output it takes
    tokenizer: str = ""  # vocabulary that turns its prompts into tokens; empty when none is known
    chat_template: str = ""  # family of its chat template
    events: str = ""  # endpoint of its KV events; empty when it publishes none
    replay: str = ""  # endpoint where lost events can be asked for
    epoch: int = 0  # rises each time it is found restarted


class Fleet:
    """All replicas and the table of what is known of each; a row keeps its place until its replica is removed."""

    def __init__(self, capacity: int = 64) -> None:
        self.replicas: list[Replica | None] = []
        self.rows: dict[str, int] = {}
        self.models: dict[str, int] = {}
        self.pools: dict[str, int] = {}
        self.version = 0  # rises whenever a replica joins or leaves
        self._all = np.zeros((capacity, WIDTH))
        self._view()

    def __len__(self) -> int:
        return len(self.replicas)

    def model(self, name: str) -> int:
        """The number of a model in the `model` column; -1 when no replica has ever served it."""
        return self.models.get(name, -1)

    def scalars(self) -> "memoryview[float]":
        """Every number of the table, row after row: writable, and an item costs a third of what numpy asks."""
        return memoryview(self._all.data).cast("B").cast("d")

    def add(self, replica: Replica) -> int:
        """Enter a replica, not ready, and return its row; a known name keeps its row and takes the new facts."""
        row = self.rows.get(replica.name)
        if row is None:
            row = self._place()
            self.rows[replica.name] = row
        self.replicas[row] = replica
        self._describe(row, replica)
        self.version += 1
        return row

    def remove(self, name: str) -> int:
        """Take a replica out and return the row it leaves free; the row stays unready until it is used again."""
        row = self.rows.pop(name)
        self.replicas[row] = None
        self.table[row] = 0.0
        self.version += 1
        return row

    def _place(self) -> int:
        for row, replica in enumerate(self.replicas):
            if replica is None:
                return row
        if len(self.replicas) == len(self._all):
            self._all = np.vstack([self._all, np.zeros_like(self._all)])
        self.replicas.append(None)
        self._view()
        return len(self.replicas) - 1

    def _view(self) -> None:
        self.table: Table = self._all[: len(self.replicas)]
        self.columns = Columns(*self.table.T[: len(Columns._fields)])

    def _describe(self, row: int, replica: Replica) -> None:
        perf, columns = replica.perf, self.columns
        self.table[row] = 0.0
        for name in COEFFICIENTS:
            getattr(columns, name)[row] = getattr(perf, name)
        columns.key[row] = hash31(replica.name)
        columns.model[row] = self.models.setdefault(replica.model, len(self.models))
        columns.pool[row] = self.pools.setdefault(replica.pool, len(self.pools))
        columns.role[row] = ROLES[replica.role]
        columns.limit_tokens[row] = replica.context_limit
        columns.encode_s[row] = perf.encode_token_s
        columns.usd_per_s[row] = perf.price_per_hour / 3600.0
        columns.host_load_s[row] = perf.kv_bytes_per_token / perf.host_bytes_per_s
        columns.disk_load_s[row] = columns.host_load_s[row] + perf.kv_bytes_per_token / perf.disk_bytes_per_s
        columns.remote_load_s[row] = perf.kv_bytes_per_token / perf.transfer_bytes_per_s
        columns.transfer_s[row] = perf.kv_bytes_per_token / perf.transfer_bytes_per_s
