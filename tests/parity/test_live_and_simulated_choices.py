"""The gateway's placement and the simulator's decision, side by side, on a hundred thousand snapshots a policy."""

import numpy as np
import pytest

from policies.fleet import TIERS, Fleet
from policies.native.index import BlockBuffer, NativeIndex
from policies.native.placer import TOLD, Placer
from policies.policy import ROUTES, routing
from policies.request import Ask
from sims.engine.deciding import compiled_route
from sims.engine.memory import ROUTE
from tests.laws.fleets import many
from tests.laws.test_routing_parity import empty_fleet

REPLICAS, STATES, HOLDINGS = 5, 2000, 50
BLOCKS, BLOCK_TOKENS = 8, 16.0
HASHES = np.arange(2, 2 + BLOCKS, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)


class Gateway:
    """The placement that a live worker makes: it looks up who holds the prompt itself."""

    def __init__(self, policy: str, fleet: Fleet) -> None:
        self.index, blocks = NativeIndex(1 << 12, replicas=REPLICAS), BlockBuffer()
        blocks.array[:BLOCKS], blocks.n = HASHES, BLOCKS
        self.placer = Placer(routing(policy), fleet, self.index, blocks)

    def hold(self, leading: list[int]) -> None:
        """Let every replica hold so many leading blocks."""
        for row, count in enumerate(leading):
            self.index.forget(row)
            self.index.store(row, HASHES[:count])

    def choose(self, ask: Ask) -> tuple[int, float]:
        """Row and propensity."""
        self.placer.ask(*ask)
        row = self.placer.place_hashed(BLOCK_TOKENS, 0.0)
        return row, self.placer.told[0] if row >= 0 else 0.0


class Simulator:
    """The call that the compiled loop makes: it is told what each replica holds."""

    def __init__(self, policy: str, fleet: Fleet) -> None:
        chosen = routing(policy)
        self.call = ROUTE(compiled_route(chosen))
        self.ask, self.told, self.settings = np.zeros(len(Ask._fields)), np.zeros(TOLD), chosen.settings()
        self.cached = np.zeros((REPLICAS, TIERS))
        self.memory = (
            self.ask.ctypes.data, fleet.table.ctypes.data, REPLICAS, self.cached.ctypes.data,
            self.settings.ctypes.data, len(self.settings),
        )  # fmt: skip

    def hold(self, leading: list[int]) -> None:
        """Tell it of so many leading blocks of every replica."""
        self.cached[:] = BLOCK_TOKENS * np.array(leading)[:, None]

    def choose(self, ask: Ask) -> tuple[int, float]:
        """Row and propensity."""
        self.ask[:] = ask
        row = int(self.call(*self.memory, 0.0, self.told.ctypes.data))
        return row, float(self.told[0]) if row >= 0 else 0.0


@pytest.mark.parametrize("policy", ROUTES.names())
def test_the_gateway_and_the_simulator_choose_the_same_replica_of_the_same_snapshot(policy: str) -> None:
    assert STATES * HOLDINGS >= 100_000
    rng, fleet = np.random.default_rng(7), empty_fleet(REPLICAS)
    asked, tables, _ = many(rng, STATES, REPLICAS)
    asks = [Ask(*row) for row in asked.tolist()]
    live, simulated, apart = Gateway(policy, fleet), Simulator(policy, fleet), 0
    for _ in range(HOLDINGS):
        leading = rng.integers(0, BLOCKS + 1, REPLICAS).tolist()
        live.hold(leading)
        simulated.hold(leading)
        for ask, table in zip(asks, tables, strict=True):
            fleet.table[:] = table
            apart += live.choose(ask) != simulated.choose(ask)
    assert apart == 0


def test_the_simulator_calls_the_function_that_the_gateways_library_exports() -> None:
    for policy in ROUTES:
        assert compiled_route(policy()) != 0
