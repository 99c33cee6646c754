"""What routers are told, of a fleet file and of resources."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from weir import extension
from weir.directions import Told, directions
from weir.fleetfile import FleetFile, Objective, Rewrite
from weir.resources import FleetSpec, RoutePolicySpec, exported, imported

POOL = {"name": "p", "gpu": "h100-sxm", "model": "llama-3.1-8b", "addresses": ["a:1"]}
ALIAS: dict[str, Any] = {"model": "alias", "targets": [{"model": "m", "weight": 3}]}


def file(**more: Any) -> FleetFile:
    return FleetFile.model_validate({"pools": [POOL], **more})


def rewrite(model: str, to: str) -> Rewrite:
    return Rewrite.model_validate({"model": model, "targets": [{"model": to}]})


class TestPrecedence:
    def test_a_file_that_says_nothing_leaves_all_to_the_router(self) -> None:
        said = directions(file())
        assert not said.ListFields()
        assert not directions(None).ListFields()

    def test_a_file_says_policy_deadlines_classes_rewrites_and_objectives(self) -> None:
        slo = {"ttft_s": 1.0, "classes": [{"name": "gold", "ttft_s": 0.3, "priority": 5}]}
        route = {"policy": "two_choices"}
        said = directions(file(slo=slo, route=route, rewrites=[ALIAS], objectives=[{"name": "low", "priority": -1}]))
        assert (said.policy, said.ttft_s, said.tpot_s) == ("two_choices", 1.0, 0.0)
        assert [(one.name, one.ttft_s, one.tpot_s, one.priority) for one in said.classes] == [("gold", 0.3, 0.0, 5)]
        assert (said.rewrites[0].model, said.rewrites[0].targets[0].weight) == ("alias", 3)
        assert (said.objectives[0].name, said.objectives[0].priority) == ("low", -1)

    def test_a_route_policy_goes_before_a_fleet_and_a_fleet_before_the_file(self) -> None:
        told = Told(
            fleet=FleetSpec.model_validate({"slo": {"ttft_s": 2.5, "classes": [{"name": "of-the-fleet"}]}}),
            policy=RoutePolicySpec.model_validate({"policy": "least_loaded", "slo": {"ttft_s": 0.5}}),
        )
        said = directions(file(slo={"ttft_s": 9.0, "tpot_s": 0.3}, route={"policy": "two_choices"}), told)
        assert (said.policy, said.ttft_s, said.tpot_s) == ("least_loaded", 0.5, 0.3)
        assert [one.name for one in said.classes] == ["of-the-fleet"]

    def test_of_two_rewrites_of_one_model_the_resources_counts(self) -> None:
        told = Told(rewrites=(rewrite("alias", "x"),), objectives=(Objective(name="low", priority=-9),))
        written = file(
            rewrites=[ALIAS, {**ALIAS, "model": "other"}], objectives=[{"name": "low"}, {"name": "high", "priority": 1}]
        )
        said = directions(written, told)
        assert [(one.model, one.targets[0].model) for one in said.rewrites] == [("alias", "x"), ("other", "m")]
        assert [(one.name, one.priority) for one in said.objectives] == [("low", -9), ("high", 1)]

    def test_a_route_of_a_file_has_to_be_one(self) -> None:
        with pytest.raises(ValidationError, match="shortest_ttft"):
            file(route={"policy": "shortest_tft"})
        with pytest.raises(ValidationError, match="no setting"):
            file(route={"policy": "two_choices", "settings": {"nonsense": 1.0}})


class TestExtension:
    def test_a_rule_without_matches_is_for_every_other_model(self) -> None:
        spec = {
            "poolRef": {"group": "inference.networking.k8s.io", "name": "chat"},
            "rules": [
                {"matches": [{"model": {"type": "Exact", "value": "a"}}, {"model": {"value": "b"}}],
                 "targets": [{"modelRewrite": "m1", "weight": 9}, {"modelRewrite": "m2", "weight": 1}]},
                {"targets": [{"modelRewrite": "m3"}]},
            ],
        }  # fmt: skip
        read = extension.RewriteSpec.model_validate(spec)
        found = extension.rewrites([read])
        assert [(one.model, [(to.model, to.weight) for to in one.targets]) for one in found] == [
            ("a", [("m1", 9), ("m2", 1)]), ("b", [("m1", 9), ("m2", 1)]), ("*", [("m3", 1)]),
        ]  # fmt: skip
        assert read.pools == {"chat"}

    def test_of_several_for_one_model_the_first_counts(self) -> None:
        specs = [
            extension.RewriteSpec.model_validate(
                {"rules": [{"matches": [{"model": {"value": "a"}}], "targets": [{"modelRewrite": to}]}]}
            )
            for to in ("older", "newer")
        ]
        assert [one.targets[0].model for one in extension.rewrites(specs)] == ["older"]

    def test_what_weir_does_not_read_is_left_alone(self) -> None:
        spec = {"poolRefs": [{"name": "a"}, {"name": "b"}], "poolSelector": {"x": 1}, "priority": 7}
        read = extension.ObjectiveSpec.model_validate(spec)
        assert read.pools == {"a", "b"}
        assert extension.objective("o", read) == Objective(name="o", priority=7)
        assert extension.objective("o", extension.ObjectiveSpec()).priority == 0

    @pytest.mark.parametrize(
        "spec",
        [{}, {"rules": []}, {"rules": [{"targets": []}]}, {"rules": [{"targets": [{"modelRewrite": ""}]}]},
         {"rules": [{"matches": [{"model": {"type": "Prefix", "value": "a"}}], "targets": [{"modelRewrite": "m"}]}]},
         {"rules": [{"targets": [{"modelRewrite": "m", "weight": 0}]}]}],
    )  # fmt: skip
    def test_a_half_written_rewrite_is_refused(self, spec: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            extension.RewriteSpec.model_validate(spec)


names = st.text("abc", min_size=1, max_size=3)
targets = st.lists(st.fixed_dictionaries({"model": names, "weight": st.integers(1, 9)}), min_size=1, max_size=2)
rewrites = st.lists(
    st.fixed_dictionaries({"model": names | st.just("*"), "targets": targets}),
    max_size=3, unique_by=lambda one: str(one["model"]),
)  # fmt: skip
objectives = st.lists(
    st.fixed_dictionaries({"name": names, "priority": st.integers(-9, 9)}), max_size=3,
    unique_by=lambda one: str(one["name"]),
)  # fmt: skip
routes = st.none() | st.just({"policy": "two_choices"}) | st.just({"policy": "shortest_ttft", "settings": {}})


@given(rewrites, objectives, routes)
def test_all_that_routers_are_told_survives_the_way_to_resources_and_back(
    told: list[dict[str, Any]], named: list[dict[str, Any]], route: dict[str, Any] | None
) -> None:
    fleet = file(rewrites=told, objectives=named, route=route)
    again = imported(list(yaml.safe_load_all(yaml.safe_dump_all(exported(fleet, "f", "ns")))))
    assert sorted(directions(again).rewrites, key=str) == sorted(directions(fleet).rewrites, key=str)
    assert again.model_dump(exclude={"objectives", "route"}) == fleet.model_dump(exclude={"objectives", "route"})
    assert (again.objectives, again.route) == (fleet.objectives, fleet.route)
