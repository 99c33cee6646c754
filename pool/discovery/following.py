"""Which Fleet and which RoutePolicy routers follow, and why they do not follow the others. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from weir.resources import FleetSpec, RoutePolicySpec

Place = tuple[str, str]
"""A resource's kind and name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a Fleet or RoutePolicy is told in its condition `Serving`."""

    serving: bool
    reason: str
    words: str = ""


@dataclass(slots=True, kw_only=True)
class Following:
    """Chooses, and remembers the policy that was followed last: it goes on while the one that is named is not there."""

    standings: dict[Place, Standing] = field(default_factory=dict)
    fleet: FleetSpec | None = None
    policy: RoutePolicySpec | None = None

    def choose(
        self, fleets: Mapping[str, FleetSpec], policies: Mapping[str, RoutePolicySpec], born: Mapping[Place, str]
    ) -> None:
        """Follow the oldest Fleet, and the policy that it names, or else the only one there is."""
        self.standings = {}
        names = sorted(fleets, key=lambda name: (born.get(("Fleet", name), ""), name))
        self.fleet = fleets[names[0]] if names else None
        wanted = self.fleet.policy if self.fleet else ""
        if wanted and wanted not in policies:
            after = "routers go on by the last one" if self.policy else "routers go on by their own options"
            words = f"there is no RoutePolicy {wanted} that makes sense: {after}"
            self.standings["Fleet", names[0]] = Standing(serving=False, reason="NoRoutePolicy", words=words)
        else:
            wanted = wanted or (next(iter(policies)) if len(policies) == 1 else "")
            self.policy = policies.get(wanted)
        self._stand(names, policies, wanted)

    def _stand(self, fleets: list[str], policies: Iterable[str], wanted: str) -> None:
        for name in fleets[:1]:
            self.standings.setdefault(("Fleet", name), Standing(serving=True, reason="Serving"))
        for name in fleets[1:]:
            words = f"routers follow the oldest Fleet of the namespace, {fleets[0]}"
            self.standings["Fleet", name] = Standing(serving=False, reason="AnotherFleet", words=words)
        for name in policies:
            words = f"routers follow {wanted}" if wanted else "there are several: name one as `policy` of the Fleet"
            self.standings["RoutePolicy", name] = (
                Standing(serving=True, reason="Serving")
                if name == wanted
                else Standing(serving=False, reason="NotNamed", words=words)
            )
