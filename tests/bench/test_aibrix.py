import json
from pathlib import Path

import pytest

from bench.aibrix import __main__ as door
from bench.aibrix.client import Asked, asked
from bench.aibrix.fleet import Pods, engines
from bench.aibrix.routers import KEEP_ALIVE_S, Connections, LeastRequest, Session, router
from bench.aibrix.rows import Row
from bench.aibrix.setups import REPLICAS, ROUTERS, Outside, Setup
from bench.aibrix.verdict import Compared, figures, ranked, table
from policies.fleet import Replica
from policies.perf.profiles import latency_model
from sims.validation.whole import WholeEngine
from tests.bench.test_aibrix_setups import row, write

PERF = latency_model("a100-80", "llama-3.1-8b", 1, chunk_tokens=32_000, slowdown=1.0, frontend_s=0.1)
PODS = [
    Replica(name=f"pod {i}", address="", pool="", model="m", gpu="", perf=PERF) for i in range(REPLICAS)
]  # fmt: skip


def ask(user: int, question: int = 1, at: float = 0.0) -> Asked:
    """One request."""
    return asked([row(at, user, question=question)], 0.0)[0]


def test_a_session_stays_on_its_pod_and_pods_get_their_shares() -> None:
    ring = Session(3)
    pods = [ring.choose(ask(user), 0.0) for user in range(800)]
    assert pods == [ring.choose(ask(user, 2), 9.0) for user in range(800)]
    assert all(50 < pods.count(pod) < 170 for pod in range(REPLICAS))


def test_another_seed_is_another_ring() -> None:
    one, other = ([Session(seed).choose(ask(user), 0.0) for user in range(40)] for seed in (1, 2))
    assert one != other


def test_a_kept_connection_is_used_again_and_a_busy_one_is_not() -> None:
    client = Connections(0)
    first = client.choose(ask(1), 0.0)
    client.choose(ask(2), 1.0)
    client.ended(ask(1), first, 2.0)
    assert client.choose(ask(3), 3.0) == first


def test_an_idle_connection_is_closed_after_a_while() -> None:
    pods = set()
    for seed in range(20):
        client = Connections(seed)
        first = client.choose(ask(1), 0.0)
        client.ended(ask(1), first, 1.0)
        pods.add(client.choose(ask(2), 1.1 + KEEP_ALIVE_S) == first)
    assert pods == {True, False}


def test_of_two_pods_drawn_the_less_loaded_is_taken() -> None:
    balancer = LeastRequest(5)
    pods = [balancer.choose(ask(user), 0.0) for user in range(80)]
    assert max(pods.count(pod) for pod in range(REPLICAS)) - min(pods.count(pod) for pod in range(REPLICAS)) <= 4
    for user, pod in enumerate(pods):
        balancer.ended(ask(user), pod, 1.0)
    assert sorted(balancer.choose(ask(user), 2.0) for user in range(8))


def test_prefix_routing_sends_a_user_back() -> None:
    gateway = router("prefix", 0, PODS)
    first = {user: gateway.choose(ask(user), 0.0) for user in range(6)}
    for user, pod in first.items():
        gateway.ended(ask(user), pod, 1.0)
    assert {user: gateway.choose(ask(user, 2), 2.0) for user in range(6)} == first


@pytest.mark.parametrize("name", ROUTERS)
def test_every_router_is_to_be_had(name: str) -> None:
    assert 0 <= router(name, 1, PODS).choose(ask(1), 0.0) < REPLICAS


def test_each_replica_has_a_store_of_its_own_unless_it_is_shared() -> None:
    for shared, stores in ((False, REPLICAS), (True, 1)):
        found = engines(Setup(router="session", whole_prompts=True, outside=outside(shared)), PERF)
        kept = [engine._whole.store for engine in found if isinstance(engine, WholeEngine)]
        assert len({id(store) for store in kept}) == stores


def outside(shared: bool) -> Outside:
    """A roomy cache behind a quick link."""
    return Outside(bytes=1e12, bytes_per_s=1e12, shared=shared)


@pytest.mark.parametrize("whole", [True, False])
def test_a_second_visit_is_quicker_where_sessions_stay(whole: bool) -> None:
    pods = Pods(Setup(router="session", whole_prompts=whole), PERF, 0)
    first = pods.step([row(10.0 * i, i) for i in range(4)])
    again = pods.step([row(10.0 * i, i) for i in range(4)])
    assert all(again[key].ttft_s < 0.2 < 1.5 < first[key].ttft_s for key in first)


def test_time_goes_on_from_step_to_step_and_every_request_ends() -> None:
    pods = Pods(Setup(router="connections", whole_prompts=True), PERF, 0)
    for _ in range(2):
        begun = pods.now
        sent = pods.step([row(0.3 * i, i) for i in range(30)])
        assert len(sent) == 30
        assert all(begun < each.asked.at < each.first < each.end <= pods.now for each in sent.values())


def test_the_warm_up_asks_the_second_question_after_the_first_answer() -> None:
    pods = Pods(Setup(router="session", whole_prompts=True, outside=outside(True)), PERF, 0)
    pods.warm_up([row(0.0, 1), row(9.0, 1, question=2)])
    sent = {each.asked.key: each for each in pods._sent.values()}
    assert sent[(2, 2)].asked.at >= sent[(2, 1)].end
    assert len(sent) == 2 * 399


def compared(name: str, measured: list[float], simulated: list[float]) -> Compared:
    """Both ways at rates 1, 2, 3 ..., ten requests each."""
    rates = [float(i + 1) for i in range(len(measured))]
    return Compared(
        name=name,
        measured=dict(zip(rates, measured, strict=True)),
        simulated=dict(zip(rates, simulated, strict=True)),
        requests=dict.fromkeys(rates, 10),
    )


def test_only_clear_differences_are_ranked() -> None:
    one, other = compared("a", [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]), compared("b", [1.1, 1.3, 1.3], [2.0, 2.0, 0.5])
    pairs = list(ranked([one, other]))
    assert [(pair.rate, pair.slower, pair.right) for pair in pairs] == [(2.0, "b", True), (3.0, "b", False)]


def test_errors_are_counted_below_the_measured_knee() -> None:
    one = compared("a", [1.0, 1.0, 5.0], [1.2, 1.0, 50.0])
    assert one.below == [1.0, 2.0]
    assert one.error == pytest.approx(0.1)
    assert one.knee_off == 0


def test_a_knee_that_only_one_side_has_is_not_a_number_of_steps() -> None:
    assert compared("a", [1.0, 1.0, 1.0], [1.0, 1.0, 9.0]).knee_off is None
    assert compared("a", [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]).knee_off == 0
    assert compared("a", [1.0, 1.0, 9.0], [1.0, 9.0, 9.0]).knee_off == -1


def test_the_figures_name_what_is_wrong() -> None:
    found = figures([compared("a", [1.0, 1.0], [1.0, 2.0]), compared("b", [2.0, 2.0], [2.0, 1.0])])
    assert (found["pairs"], found["pairs_wrong"]) == (2, 1)
    assert (found["steps_below_knee"], found["steps_within"]) == (4, 2)
    assert found["worst_step"] == 1.0
    assert found["error_below_knee"] == 0.5


def test_the_table_shows_both_ways() -> None:
    shown = table([compared("a", [1.0, 1.5], [1.0, 2.0])]).splitlines()
    assert len(shown) == 3
    assert "2.00" in shown[2]


def lines(setup: str, ttft: float) -> list[str]:
    """A few rows of one set-up."""
    return [f"v0.2.1,{setup},{rate},{5.0 * i},{2 + i},1,21073,100,{ttft},1.4,3.3" for rate in (0.1, 0.5)
            for i in range(6)]  # fmt: skip


def test_a_small_campaign_is_measured_from_end_to_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.aibrix.client.WARM_USERS", 5)
    write(tmp_path, "v_requests.csv", [*lines("naive", 1.9), *lines("ps_naive", 1.2)])
    assert door.main(["--data", str(tmp_path), "--seeds", "1"]) == 0
    found = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert found["name"] == "aibrix"
    assert found["figures"]["v0.2.1_gpu"] == "a100-80"
    assert set(found["target"]) == {"pairs_wrong", "error_below_knee"}


def test_a_campaign_without_the_set_up_to_fit_on_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "v_requests.csv", lines("ps_naive", 1.2))
    assert door.main(["--data", str(tmp_path)]) == 2
    assert "has no set-up 'naive' to fit the constants on" in capsys.readouterr().err


def test_a_missing_folder_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert door.main(["--data", str(tmp_path)]) == 2
    assert "name a folder laid out like ../shared/data" in capsys.readouterr().err


def test_the_mean_is_over_what_was_measured() -> None:
    rows: list[Row] = [row(0.0, 1), row(1.0, 2)]
    assert door.mean({(1, 1): 1.0, (2, 1): 3.0, (9, 1): 50.0}, rows) == 2.0


def test_the_claim_is_met_when_nothing_is_ranked_wrong_and_means_are_close() -> None:
    good = {"pairs_wrong": 0, "error_below_knee": 0.2}
    assert door.summary({"v1": good})["met"]
    assert not door.summary({"v1": good, "v2": {"pairs_wrong": 1, "error_below_knee": 0.1}})["met"]
    assert not door.summary({"v1": {"pairs_wrong": 0, "error_below_knee": 0.3}})["met"]
