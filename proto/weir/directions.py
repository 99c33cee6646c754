"""What routers are told to do, put together of a fleet file and of resources; a resource goes before the file."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from weir.fleetfile import FleetFile, Objective, Rewrite, Slo, SloClass, Strict
from weir.resources import FleetSpec, RoutePolicySpec
from weir.v1 import fleet_pb2

T = TypeVar("T", bound=Strict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the resources say."""

    fleet: FleetSpec | None = None
    policy: RoutePolicySpec | None = None
    rewrites: tuple[Rewrite, ...] = ()
    objectives: tuple[Objective, ...] = ()


NOTHING = Told()


def directions(file: FleetFile | None, told: Told = NOTHING) -> fleet_pb2.Directions:
    """The directions of one fleet."""
    route = told.policy or (file.route if file else None)
    slos = [
        told.policy.slo if told.policy else None,
        told.fleet.slo if told.fleet else None,
        file.slo if file else None,
    ]
    said = [slo for slo in slos if slo is not None]
    return fleet_pb2.Directions(
        policy=route.policy if route else "",
        settings=route.settings if route else {},
        ttft_s=_deadline(said, "ttft_s"),
        tpot_s=_deadline(said, "tpot_s"),
        classes=[_class(each) for each in _classes(said)],
        rewrites=[_rewrite(each) for each in _first(told.rewrites, file.rewrites if file else (), "model")],
        objectives=[
            fleet_pb2.Objective(name=each.name, priority=each.priority)
            for each in _first(told.objectives, file.objectives if file else (), "name")
        ],
    )


def _deadline(slos: Sequence[Slo], key: str) -> float:
    """The first deadline that is written down, seconds; 0 where none is."""
    return next((getattr(slo, key) for slo in slos if key in slo.model_fields_set), 0.0)


def _classes(slos: Sequence[Slo]) -> list[SloClass]:
    """The classes of whoever has any: they belong together."""
    return next((slo.classes for slo in slos if "classes" in slo.model_fields_set), [])


def _first(one: Sequence[T], other: Sequence[T], key: str) -> list[T]:
    """Both, without those of the other that have the same name as one of the first."""
    taken = {str(getattr(each, key)) for each in one}
    return list(one) + [each for each in other if getattr(each, key) not in taken]


def _class(told: SloClass) -> fleet_pb2.SloClass:
    return fleet_pb2.SloClass(
        name=told.name, ttft_s=told.ttft_s or 0.0, tpot_s=told.tpot_s or 0.0, priority=told.priority
    )


def _rewrite(told: Rewrite) -> fleet_pb2.Rewrite:
    targets = [fleet_pb2.Target(model=each.model, weight=each.weight) for each in told.targets]
    return fleet_pb2.Rewrite(model=told.model, targets=targets)
