"""Host memory and disk behind a replica's cache: what falls there, in which order, and what it costs to bring back."""

from dataclasses import replace
from math import inf

from policies.fleet import TIERS
from policies.policy import routing
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions
from sims.engine.layout import token_seconds
from sims.engine.run import SERVED, Run
from sims.engine.simulate import simulate
from tests.sims.engine.small import FRONT_S, prefill_s, prompts
from tests.sims.engine.worlds import BLOCK, H100, alike, replica

LEAST, SHORTEST = routing("least_loaded"), routing("shortest_ttft")
FAR = 30.0


def ran(given_: Arrivals, hbm: int, host: int, disk: int = 0, **more: float) -> Run:
    """On one replica whose tiers hold so many blocks."""
    tiers = Conditions(host_tokens=host * BLOCK, disk_tokens=disk * BLOCK, **{"read_bytes_per_s": 1e11, **more})  # type: ignore[arg-type]
    run = simulate(given_, alike(1, kv_tokens=hbm * BLOCK), LEAST, tiers)
    assert (run.state == SERVED).all()
    return run


def found(given_: Arrivals, hbm: int, host: int, disk: int = 0) -> list[int]:
    """Blocks that each request found, in whichever tier."""
    return [int(tokens) // BLOCK for tokens in ran(given_, hbm, host, disk).cached]


def one_by_one(*chains: list[int]) -> Arrivals:
    """Requests far apart, a token behind each one's full blocks."""
    return prompts(*[(FAR * i, chain) for i, chain in enumerate(chains)], extra=1)


A, B, C, D = ([10 * k + i for i in range(4)] for k in range(4))


def test_what_memory_evicts_is_found_in_the_hosts() -> None:
    assert found(one_by_one(A, B, A), hbm=6, host=0) == [0, 0, 1]
    assert found(one_by_one(A, B, A), hbm=6, host=20) == [0, 0, 4]


def test_a_part_in_memory_and_the_rest_in_the_hosts_are_found_together() -> None:
    """Of A the tail had to go: its head is still in memory, its tail in the host's."""
    assert found(one_by_one(A, [10, 11], A), hbm=7, host=20) == [0, 0, 4]


def test_the_host_keeps_what_fell_last() -> None:
    assert found(one_by_one(A, B, C, D, C), hbm=6, host=4)[-1] >= 4
    assert found(one_by_one(A, B, C, D, A), hbm=6, host=4)[-1] == 0


def test_what_the_host_has_no_room_for_is_on_disk() -> None:
    assert found(one_by_one(A, B, C, D, A), hbm=6, host=4, disk=20)[-1] == 4


def test_what_falls_off_the_disk_is_gone() -> None:
    assert found(one_by_one(A, B, C, D, A), hbm=6, host=2, disk=2)[-1] == 0


def test_bringing_blocks_back_takes_their_seconds_once() -> None:
    long, other = list(range(200)), list(range(1000, 1200))
    run = ran(one_by_one(long, other, long), hbm=260, host=1000)
    assert run.cached[2] == 200 * BLOCK
    token_s, _ = token_seconds(H100, Conditions())
    least = FRONT_S + prefill_s(1, before=3200)
    assert least < run.ttft_s[2] <= least + 3200 * token_s + 1e-12
    assert run.ttft_s[2] < run.ttft_s[0]


def test_the_disk_is_slower_than_the_host_and_both_faster_than_computing() -> None:
    at_host, at_disk = token_seconds(H100, Conditions(read_bytes_per_s=1e11))
    assert 0.0 < at_host < at_disk < H100.token_s * H100.slowdown


def test_a_host_so_slow_that_computing_is_sooner_is_never_asked() -> None:
    assert token_seconds(replace(H100, host_bytes_per_s=1e6), Conditions()) == (inf, inf)
    fleet = alike(1, kv_tokens=6 * BLOCK, host_bytes_per_s=1e6)
    run = simulate(one_by_one(A, B, A), fleet, LEAST, Conditions(host_tokens=100 * BLOCK))
    assert run.cached[2] == BLOCK, "only what memory still holds"


def test_a_disk_so_slow_that_computing_is_sooner_leaves_the_host_in_use() -> None:
    at_host, at_disk = token_seconds(H100, Conditions(read_bytes_per_s=1e6))
    assert at_host < inf
    assert at_disk == inf


def test_the_router_is_told_in_which_tier_a_prefix_lies() -> None:
    seen: list[list[float]] = []

    class Telling:
        reads_cache, reads_load, history_tokens, history_match_tokens = "events", "own", 0, 0

        def __call__(self, i: int, ask: object, table: object, cached: object) -> int:
            seen.append(cached[0].tolist())  # type: ignore[index]
            return 0

    tiers = Conditions(host_tokens=100 * BLOCK, disk_tokens=100 * BLOCK)
    simulate(one_by_one(A, B, A), alike(1, kv_tokens=6 * BLOCK), Telling(), tiers)
    hbm, host, disk, remote = seen[2]
    assert hbm == BLOCK
    assert host == disk == remote == 4 * BLOCK, "a slower tier's figure counts what faster ones hold too"


def test_without_tiers_all_of_them_say_what_memory_holds() -> None:
    seen: list[list[float]] = []

    def telling(i: int, ask: object, table: object, cached: object) -> int:
        seen.append(cached[0].tolist())  # type: ignore[index]
        return 0

    telling.uses_cached = True  # type: ignore[attr-defined]
    telling.reads_cache = "events"  # type: ignore[attr-defined]
    simulate(one_by_one(A, A), alike(1), telling)
    assert seen[1] == [4.0 * BLOCK] * TIERS


def test_larger_tiers_never_find_less() -> None:
    given_ = one_by_one(A, B, C, A, D, B, C, A)
    totals = [sum(found(given_, hbm=6, host=host)) for host in (0, 2, 4, 8, 16, 32)]
    assert totals == sorted(totals)
    assert totals[-1] == 16


def test_blocks_that_were_brought_back_are_in_memory_again() -> None:
    run = ran(one_by_one(A, B, A, A), hbm=6, host=20)
    assert run.cached[2:].tolist() == [4 * BLOCK] * 2
    assert run.ttft_s[3] <= run.ttft_s[2]


def test_policies_count_what_slower_tiers_hold_as_worth_less_than_memory() -> None:
    """Of two replicas one holds the prompt in memory, the other in its host's: the first is taken."""
    fleet = [replica("a", kv_tokens=600 * BLOCK), replica("b", kv_tokens=4000 * BLOCK)]
    forced = [0, 0, 1]
    chain = list(range(500))
    rows = one_by_one(chain, list(range(1000, 1590)), chain, chain)
    kernel, settings_ = type(SHORTEST).kernel, SHORTEST.settings()

    class Then:
        reads_cache, reads_load, history_tokens, history_match_tokens = "events", "own", 0, 0

        def __call__(self, i: int, ask: object, table: object, cached: object) -> int:
            if i < len(forced):
                return forced[i]
            return int(kernel(ask, table, cached, settings_, 0.0)[0])  # type: ignore[arg-type]

    run = simulate(rows, fleet, Then(), Conditions(host_tokens=9000 * BLOCK))
    assert run.replica.tolist()[-1] == 1
