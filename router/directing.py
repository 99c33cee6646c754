"""What the pool service tells routers to do, laid over what this router was started with."""

from dataclasses import replace

from policies.registry import BadSetting, UnknownName
from router.core import Core
from router.settings import Settings
from weir.v1 import fleet_pb2


def directed(own: Settings, told: fleet_pb2.Directions) -> Settings:
    """The settings of a router that was started with `own`: what the directions leave out is its own."""
    policy, given = (told.policy, tuple(sorted(told.settings.items()))) if told.policy else _own_policy(own)
    return replace(
        own,
        policy=policy,
        policy_settings=given,
        ttft_slo_s=told.ttft_s or own.ttft_slo_s,
        tpot_slo_s=told.tpot_s or own.tpot_slo_s,
        slo_classes=tuple((each.name, each.ttft_s, each.tpot_s, each.priority) for each in told.classes)
        or own.slo_classes,
        rewrites=tuple((each.model, tuple((to.model, to.weight) for to in each.targets)) for each in told.rewrites)
        or own.rewrites,
        boundaries=tuple((each.short, each.long, each.tokens, each.gamma) for each in told.boundaries)
        or own.boundaries,
        objectives=tuple((each.name, each.priority) for each in told.objectives) or own.objectives,
    )


def direct(core: Core, told: fleet_pb2.Directions) -> str:
    """Have a core do so from its next decision on; returns why not, and then it goes on as before."""
    try:
        core.direct(directed(core.own, told))
    except (UnknownName, BadSetting) as unknown:
        return str(unknown)
    return ""


def _own_policy(own: Settings) -> tuple[str, tuple[tuple[str, float], ...]]:
    return own.policy, own.policy_settings
