"""Any setting by path: known ones change, unknown ones are told with the known."""

import pytest
from pydantic import ValidationError

from policies.perf.profiles import DoesNotFit
from policies.registry import BadSetting, UnknownName
from sims.sweep.inputs import BadRate, Rate
from sims.sweep.paths import BadPoint, axis, check, known_paths, value
from sims.sweep.study import cross
from sims.sweep.trial import trial
from tests.sims.sweep.studies import fleet, inputs

PATHS = known_paths(fleet(), ["shortest_ttft", "random"])


@pytest.mark.parametrize(
    "path",
    ["rate", "policy", "policy.near", "slo.ttft_s", "pools.fast.replicas", "pools.*.gpu",
     "pools.slow.engine.max_num_seqs", "pools.fast.price_per_gpu_hour", "conditions.staleness_s",
     "conditions.host_tokens"],
)  # fmt: skip
def test_everything_that_may_be_varied_is_known(path: str) -> None:
    check(path, PATHS)


@pytest.mark.parametrize("path", ["conditions.seed", "conditions.outages", "pools.fast.name", "pools.fast.addresses"])
def test_what_is_not_one_value_or_told_otherwise_is_not(path: str) -> None:
    assert path not in PATHS


def test_an_unknown_path_names_the_nearest_and_all() -> None:
    with pytest.raises(BadPoint, match=r"did you mean 'pools.fast.replicas'\?.*conditions.staleness_s"):
        check("pools.fast.replica", PATHS)


@pytest.mark.parametrize(
    ("text", "means"),
    [("3", 3), ("0.5", 0.5), ("x2", "x2"), ("h200", "h200"), ("true", True), ("false", False), ("1e3", 1000.0)],
)
def test_a_text_means_a_number_where_it_is_one(text: str, means: object) -> None:
    assert value(text) == means
    assert type(value(text)) is type(means)


def test_an_axis_is_a_path_and_its_values() -> None:
    assert axis("rate=x1, x2").values == ("x1", "x2")


@pytest.mark.parametrize("given", ["rate", "rate=", "=x1", "rate=x1,x1"])
def test_an_axis_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(BadPoint, match="--over"):
        axis(given)


def test_axes_are_crossed_the_last_one_fastest() -> None:
    points = cross([axis("rate=1,2"), axis("policy=random,least_loaded")])
    assert [dict(point)["policy"] for point in points] == ["random", "least_loaded"] * 2
    assert len(points) == 4


def test_a_point_changes_the_fleet() -> None:
    made = trial(inputs(), (("pools.slow.replicas", 5), ("pools.*.engine.max_num_seqs", 7), ("slo.ttft_s", 3.0)))
    assert [replica.pool for replica in made.replicas].count("slow") == 5
    assert {replica.perf.max_seqs for replica in made.replicas} == {7}
    assert made.conditions.ttft_slo_s == 3.0


def test_replicas_take_the_place_of_addresses() -> None:
    live = inputs(fleet=fleet(addresses=["a:1", "b:1"]))
    assert len(trial(live, ()).replicas) == 4
    assert len(trial(live, (("pools.fast.replicas", 7),)).replicas) == 9


def test_a_point_changes_the_policy_its_settings_and_the_conditions() -> None:
    made = trial(inputs(), (("policy", "shortest_ttft"), ("policy.near", 0.2), ("conditions.staleness_s", 1)))
    assert made.routing.name() == "shortest_ttft"
    assert made.routing.near == 0.2  # type: ignore[attr-defined]
    assert made.conditions.staleness_s == 1


def test_settings_given_for_one_policy_are_not_given_to_another() -> None:
    given = inputs(policy="shortest_ttft", settings={"near": 0.3})
    assert trial(given, ()).routing.near == 0.3  # type: ignore[attr-defined]
    assert trial(given, (("policy", "random"),)).routing.name() == "random"


def test_a_point_changes_the_rate() -> None:
    mine = inputs()
    assert trial(mine, ()).rate_rps == 0.0
    assert trial(mine, (("rate", "x2"),)).rate_rps == pytest.approx(2.0 * mine.own_rps)
    assert trial(mine, (("rate", 12.5),)).rate_rps == 12.5


@pytest.mark.parametrize(
    ("point", "error", "says"),
    [
        ((("pools.fast.replicas", 0),), ValidationError, "greater than 0"),
        ((("pools.fast.replicas", "many"),), ValidationError, "valid integer"),
        ((("policy", "rndom"),), UnknownName, "did you mean 'random'"),
        ((("conditions.staleness_s", "late"),), BadSetting, "must be float"),
        ((("rate", "fast"),), BadRate, "write x2"),
        ((("pools.fast.model", "deepseek-v3"),), DoesNotFit, "deepseek-v3"),
    ],
)
def test_a_value_that_makes_no_sense_is_said(point: object, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        trial(inputs(), point)  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "rps"), [("x1", 4.0), ("x0.5", 2.0), ("7", 7.0), ("2.5", 2.5)])
def test_a_rate_is_a_multiple_or_requests_a_second(text: str, rps: float) -> None:
    assert Rate.of(text).requests_a_second(4.0) == rps
    assert str(Rate.of(text)) == text


@pytest.mark.parametrize("text", ["x0", "-1", "x", "nan", "xinf", "2x"])
def test_a_rate_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(BadRate, match="write x2"):
        Rate.of(text)
