"""All replays of one trace, in two processes."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, as_completed
from pathlib import Path

from bench.policies.plan import Outcome, Task, perform

Told = Callable[[int, int], None]
Outcomes = dict[str, list[Outcome]]
"""By policy, one a seed, in the order of seeds."""


def contest(
    pool: Executor, data: Path, fleet: Path, trace: str, policies: Sequence[str], seeds: int,
    rates: Mapping[str, float], told: Told,
) -> Outcomes:  # fmt: skip
    """Every policy on every seed; `told` hears how many replays of how many are done."""
    tasks = [
        Task(data=data, fleet=fleet, trace=trace, policy=policy, seed=seed, rates=rates)
        for policy in policies
        for seed in range(seeds)
    ]
    running: list[Future[Outcome]] = [pool.submit(perform, task) for task in tasks]
    for done, _ in enumerate(as_completed(running), 1):
        told(done, len(running))
    found: Outcomes = {policy: [] for policy in policies}
    for task, future in zip(tasks, running, strict=True):
        found[task.policy].append(future.result())
    return found
