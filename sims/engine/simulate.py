"""Arrivals over a fleet in virtual time: the door to the compiled loop."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast
from weakref import proxy
from zlib import crc32

import numpy as np

from policies.cached import Cached
from policies.fleet import ROLE, ROLES, Fleet, Replica, Table
from policies.policy import Routing
from policies.scale.scaling import Scaling
from sims.arrivals import Arrivals
from sims.engine.answers import Answers, answering, check_answers
from sims.engine.arena import Array, Memory
from sims.engine.checking import check
from sims.engine.conditions import Conditions
from sims.engine.control import CLOSE, FAIL, LET_GO, LOOK, PLAY
from sims.engine.course import Course, Paused
from sims.engine.deciding import Callback, Plain, compiled_function, compiled_route, plain_kernel
from sims.engine.layout import (
    grow_ring,
    lay_agenda,
    lay_arrivals,
    lay_classes,
    lay_decision,
    lay_engines,
    lay_fleet,
    lay_held,
    lay_knowledge,
    lay_metrics,
    lay_squeezing,
)
from sims.engine.looks import LOOKS
from sims.engine.loop import DONE, FAILED, FULL, SLICED, UNSTABLE
from sims.engine.mix import Mix
from sims.engine.native.library import asked
from sims.engine.pools import Pools, Status
from sims.engine.reads import Reads
from sims.engine.records import NONE
from sims.engine.result import result
from sims.engine.run import Run

SLICE = 1_000_000
"""Events between two returns to Python: so often an interrupt is heard."""


def simulate(
    arrivals: Arrivals,
    fleet: Sequence[Replica],
    policy: Routing | Plain,
    conditions: Conditions | None = None,
    *,
    scaling: Scaling | None = None,
    answers: Answers | None = None,
) -> Run:
    """Serve every arrival and say how; the same arguments give the same result. Raises ValueError for bad arguments.

    With `answers` the model is chosen as well, by their chooser among the replicas that the policy gives each model, or
    by a plain policy, to which any replica is open; what is generated is the answer of the model that serves.
    An arrival that names no model asks for the fleet's first. Where the fleet is scaled it is the most there can be,
    in pools as its replicas say; else all of it is ready from the start.
    """
    conditions = conditions or Conditions()
    check(arrivals, fleet, conditions)
    if answers is not None:
        arrivals = replace(arrivals, output_tokens=arrivals.output_tokens.copy())  # written as models are chosen
    asked_tokens = arrivals.prompt_tokens
    if conditions.compressible > 0.0:
        arrivals = replace(arrivals, prompt_tokens=asked_tokens.copy())  # written as prompts are compressed
    simulation = _Simulation(arrivals, tuple(fleet), policy, conditions, scaling, answers, asked_tokens)
    simulation.go()
    return simulation.result()


class _Simulation:
    """The memory of one run, its policy and what happens to its fleet."""

    def __init__(
        self, arrivals: Arrivals, replicas: tuple[Replica, ...], policy: Routing | Plain,
        conditions: Conditions, scaling: Scaling | None, answers: Answers | None, asked_tokens: Array,
    ) -> None:  # fmt: skip
        self.arrivals, self.replicas, self.conditions = arrivals, replicas, conditions
        fleet, self.memory, self._asked = Fleet(len(replicas)), Memory(), asked()
        self.world = self.memory.world[0]
        table, cached = lay_fleet(self.memory, fleet, replicas)
        lay_arrivals(self.memory, arrivals, fleet, replicas[0].model, conditions.cache_outputs)
        lay_classes(self.memory, arrivals, conditions)
        lay_squeezing(self.memory, len(fleet.models), len(arrivals), conditions)
        block_tokens = arrivals.block_tokens or min(replica.block_tokens for replica in replicas)
        engines = lay_engines(self.memory, replicas, block_tokens, conditions)
        lay_agenda(self.memory, len(replicas))
        reads = Reads.of(policy, blocks=len(arrivals.blocks) > 0, knowledge=conditions.kv_knowledge)
        lay_knowledge(self.memory, engines, reads, conditions)
        lay_metrics(self.memory, len(replicas), reads, conditions)
        lay_held(self.memory, len(fleet.models), len(arrivals), conditions)
        self.world.prefix = crc32(f"{conditions.seed}-".encode()) ^ 0xFFFFFFFF
        settings = policy.settings() if isinstance(policy, Routing) else np.zeros(1)
        lay_decision(self.memory, settings)
        if answers is not None:
            check_answers(answers, arrivals, fleet)
            policy = answering(policy, answers, self.memory, fleet)
        self.callback = self._decide_by(policy, table, cached)
        mix = Mix(self.memory, arrivals, asked_tokens) if scaling else None
        self.pools = Pools(self.memory, replicas, Status.OFF if scaling else Status.READY, mix)
        # Not the simulation itself: a circle would keep its memory until a garbage collection.
        self.course = Course(cast("Paused", proxy(self)), self.pools, conditions, scaling)
        self.unstable = False

    def _decide_by(self, policy: Routing | Plain, table: Table, cached: Cached) -> Callback | None:
        """Let the policy decide: its compiled kernel, or the callback that is returned."""
        self.world.decide = compiled_route(policy) if isinstance(policy, Routing) else 0
        self.world.decoder, self.world.encoder = compiled_function("decoder"), compiled_function("encoder")
        if self.world.decide:
            return None
        plain = plain_kernel(policy) if isinstance(policy, Routing) else policy
        callback = Callback(plain, self.memory.array("ask_"), table, cached)
        self.world.decide = callback.address
        return callback

    def go(self) -> None:
        """Play until nothing is left, the time is up, or the queue grows without end."""
        limit = self.conditions.give_up_s
        while True:
            until = self.world.until = min(self.course.next_time(), limit)
            why = self._play()
            if why == UNSTABLE:
                self.unstable = True
                break
            if why == DONE and not (self.world.held and self.course.moves()):
                break
            self.world.now = until
            if until >= limit:
                break
            self.course.act(until)
        self._ask(CLOSE)

    def result(self) -> Run:
        """What became of everything."""
        up_s = self.pools.up_s(float(self.world.now))
        return result(self.memory, self.arrivals, self.replicas, up_s, self.unstable, self.course.samples())

    def look(self) -> Array:
        """See `Paused`."""
        self._ask(LOOK)
        return self.memory.array("looks_").reshape(-1, LOOKS)

    def fail(self, row: int) -> None:
        """See `Paused`."""
        self._ask(FAIL, row)

    def let_go(self) -> None:
        """See `Paused`."""
        self._ask(LET_GO)

    def held(self) -> Mapping[int, int]:
        """See `Paused`."""
        if not self.world.held or self.world.models == 1:
            return {0: int(self.world.held)}
        following, found = self.memory.array("next_held_"), Counter[int]()
        for queue, index in enumerate(self.memory.array("first_held_")):
            while index != NONE:
                found[queue // int(self.world.ranks)] += 1
                index = following[index]
        return found

    def join(self, row: int, role: str) -> None:
        """See `Paused`."""
        self.memory.array("engines_").role[row] = int(ROLES[role])
        self.pools.table[row, ROLE] = ROLES[role]

    def _play(self) -> int:
        """Play up to `until`; returns why the loop came back."""
        while (why := self._ask(PLAY, SLICE)) in {SLICED, FULL}:
            if why == FULL:
                grow_ring(self.memory)
        return why

    def _ask(self, what: int, argument: int = 0) -> int:
        """Call the compiled loop; what a policy raised in it is raised here."""
        why = self._asked(self.memory.address, what, argument)
        if why == FAILED:
            assert self.callback is not None
            assert self.callback.raised is not None
            raise self.callback.raised
        return why
