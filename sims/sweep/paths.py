"""Settings by path: which there are, what a text means as a value, and a fleet or conditions with some changed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, get_origin

from policies.policy import ROUTES
from policies.registry import BadSetting, UnknownName, known, strict
from sims.engine.conditions import Conditions
from weir.fleetfile import Engine, FleetFile, Pool, Slo

Value = str | float | bool
Point = tuple[tuple[str, Value], ...]
"""A value for each path that is varied."""

RATE, POLICY = "rate", "policy"
OF_POLICY, OF_POOLS, OF_CONDITIONS, OF_SLO = "policy.", "pools.", "conditions.", "slo."
EVERY = "*"
NOT_VARIED = {"seed", "outages", "sample_s", "ttft_slo_s", "tpot_slo_s"}  # told otherwise, or not a number
FIXED = {"name", "engine"}


class BadPoint(BadSetting):
    """A sweep that cannot be; the message says which path and what is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One path and the values it takes."""

    path: str
    values: tuple[Value, ...]


def value(text: str) -> Value:
    """What a text means: a number, true or false, else itself."""
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def axis(given: str) -> Axis:
    """From PATH=v1,v2,...; raises `BadPoint`."""
    path, equals, values = given.partition("=")
    found = tuple(value(each.strip()) for each in values.split(",") if each.strip())
    if not equals or not path.strip() or not found:
        raise BadPoint(f"--over {given}: write --over path=value,value")
    if len(set(found)) < len(found):
        raise BadPoint(f"--over {given}: give each value once")
    return Axis(path=path.strip(), values=found)


def known_paths(fleet: FleetFile, policies: Iterable[str]) -> list[str]:
    """Everything that can be varied: rate, policy and its settings, deadlines, pools, conditions."""
    settings = [f"{OF_POLICY}{name}" for each in policies for name in ROUTES[each].setting_names()]
    pools = [
        f"{OF_POOLS}{pool}.{key}"
        for pool in (EVERY, *(pool.name for pool in fleet.pools))
        for key in [*_scalars(Pool), *(f"engine.{key}" for key in Engine.model_fields)]
    ]
    slo = [f"{OF_SLO}{key}" for key in Slo.model_fields]
    conditions = [f"{OF_CONDITIONS}{f.name}" for f in fields(Conditions) if f.name not in NOT_VARIED]
    return list(dict.fromkeys([RATE, POLICY, *settings, *slo, *pools, *conditions]))


def check(path: str, paths: list[str]) -> None:
    """Raise `BadPoint` for a path there is not."""
    if path not in paths:
        raise BadPoint(f"no setting at {path!r}: {known(path, paths)}")


def changed_fleet(fleet: FleetFile, point: Point) -> FleetFile:
    """The fleet with the point's values at `pools.` and `slo.`; raises pydantic's `ValidationError`."""
    document = fleet.model_dump()
    for path, new in point:
        head, _, rest = path.partition(".")
        if head == "slo":
            document["slo"][rest] = new
        if head == "pools":
            name, _, key = rest.partition(".")
            for pool in document["pools"]:
                if name in (EVERY, pool["name"]):
                    _change(pool, key, new)
    return FleetFile.model_validate(document)


def _change(pool: dict[str, Any], key: str, new: Value) -> None:
    if key.startswith("engine."):
        pool["engine"][key.removeprefix("engine.")] = new
        return
    pool[key] = new
    if key == "replicas":  # a pool of live engines has as many as addresses
        pool.update(addresses=[], events=[], replay=[])


def changed_conditions(conditions: Conditions, point: Point) -> Conditions:
    """The conditions with the point's values at `conditions.`; raises `BadSetting` for a value of another type."""
    new = {path.removeprefix(OF_CONDITIONS): to for path, to in point if path.startswith(OF_CONDITIONS)}
    strict(Conditions, "conditions", new)
    return replace(conditions, **new)  # type: ignore[arg-type]


def policy_settings(point: Point) -> Mapping[str, Any]:
    """The point's values at `policy.NAME`."""
    return {path.removeprefix(OF_POLICY): to for path, to in point if path.startswith(OF_POLICY)}


def policy_named(name: Value) -> str:
    """A known policy's name; raises `UnknownName`."""
    if name not in ROUTES.names():
        raise UnknownName(f"no routing policy {name!r}: {known(str(name), ROUTES.names())}")
    return str(name)


def _scalars(model: type[Pool]) -> list[str]:
    """The fields that hold one value and may differ between points."""
    listed = {name for name, info in model.model_fields.items() if get_origin(info.annotation) is list}
    return [name for name in model.model_fields if name not in listed | FIXED]
