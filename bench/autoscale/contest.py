"""Who is compared: Weir's rule as it is, the others with their setting fitted to it, and a clairvoyant."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.autoscale.fitting import Fit, fit
from bench.autoscale.trial import Outcome, clairvoyant, run
from bench.autoscale.week import TPOT_S, TTFT_S, Days
from policies.scale.scaling import Scaling, scaling
from sims.arrivals import Arrivals

OURS, ORACLE = "slo_model", "clairvoyant"
FIT_SEED = 100
ALLOWED = 0.01
"""Share of requests that may be late."""

CAREFUL, CARELESS = 0.0095, 0.0125
"""What Weir's rule aims at, and a lateness more at which its hours are looked at too: how they go with it."""

DEADLINES = {"ttft_s": TTFT_S, "tpot_s": TPOT_S}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """A rule, its one setting, and between what that is sought; the higher, the fewer replicas."""

    name: str
    key: str
    low: float
    high: float
    more: Mapping[str, float]

    def policy(self, setting: float, arrivals: Arrivals) -> Scaling:
        """The rule at a setting; the clairvoyant is told the arrivals."""
        if self.name == ORACLE:
            return clairvoyant(arrivals, setting)
        return scaling(self.name, {self.key: setting, **self.more})


CONTESTANTS = (
    Contestant(name=OURS, key="late", low=CAREFUL, high=CARELESS, more=DEADLINES),
    Contestant(name=ORACLE, key="share", low=0.34, high=0.5, more={}),
    Contestant(name="dynamo_like", key="utilisation", low=0.27, high=0.45, more=DEADLINES),
    Contestant(name="kpa", key="target", low=4.0, high=10.0, more={}),
    Contestant(name="hpa_kv", key="target", low=0.015, high=0.06, more={}),
    Contestant(name="hpa_queue", key="target", low=0.005, high=0.1, more={}),
    Contestant(name="wva_like", key="kv", low=0.03, high=0.1, more={"spare_kv": 0.02}),
)


def fitted(contestant: Contestant, data: Path, days: Days, aim: float) -> Fit:
    """The setting at which a rule is as late as aimed at, on all days with a seed of its own."""
    arrivals = days.arrivals(data, FIT_SEED)
    return fit(
        lambda setting: run(contestant.policy(setting, arrivals), arrivals, FIT_SEED),
        contestant.low, contestant.high, aim,
    )  # fmt: skip


def ours(data: Path, days: Days) -> Fit:
    """Weir's rule as it is; only how its hours go with lateness is looked at."""
    arrivals = days.arrivals(data, FIT_SEED)
    rule = CONTESTANTS[0]
    careful, careless = (run(rule.policy(aim, arrivals), arrivals, FIT_SEED) for aim in (CAREFUL, CARELESS))
    found = fit(lambda aim: careful if aim == CAREFUL else careless, CAREFUL, CARELESS, careful.late)
    return Fit(setting=CAREFUL, outcome=careful, slope=found.slope, keeps=careful.late <= ALLOWED)


def served(data: Path, days: Days, seed: int, settings: Mapping[str, float]) -> dict[str, Outcome]:
    """Everybody on the same draw of the days."""
    arrivals = days.arrivals(data, seed)
    return {
        rule.name: run(rule.policy(settings[rule.name], arrivals), arrivals, seed)
        for rule in CONTESTANTS if rule.name in settings
    }  # fmt: skip
