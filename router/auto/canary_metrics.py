"""Where a canary stands, as Prometheus metrics of the front process."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from policies.canary import Canary, Stage


def canary_metrics(canary: Canary | None) -> Iterator[Metric]:
    """Its stage, and what either side earned; nothing without one."""
    stage = GaugeMetricFamily("weir_canary", "1 at the stage at which a new policy is.", labels=["policy", "stage"])
    mean = GaugeMetricFamily("weir_canary_reward", "Mean reward a request, in answers of quality 1.", labels=["policy"])
    seen = GaugeMetricFamily("weir_canary_rewards", "Judged requests of either policy.", labels=["policy"])
    if canary is not None:
        for each in Stage:
            stage.add_metric([canary.new, each.value], float(each is canary.stage))
        for policy, arm in ((canary.new, canary.mine), (canary.old, canary.theirs)):
            mean.add_metric([policy], arm.mean())
            seen.add_metric([policy], arm.rewards)
    yield from (stage, mean, seen)
