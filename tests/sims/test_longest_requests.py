"""A request goes only where one so long is taken."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from policies.fleet import Replica
from sims.limits import limit_tokens, limits
from tests.policies.replicas import replica


def of(name: str, model: str, context: int) -> Replica:
    return replace(replica(name, model=model), context_limit=context)


def test_a_replica_takes_what_its_context_and_its_kv_hold() -> None:
    short, long = of("a", "m", 1000), of("b", "m", 10**9)
    assert limit_tokens(short) == 1000
    assert limit_tokens(long) == int(long.perf.kv_tokens) + 1


@given(st.lists(st.tuples(st.sampled_from("mn"), st.integers(1, 5000)), max_size=6))
def test_a_model_takes_what_its_largest_replica_takes(fleet: list[tuple[str, int]]) -> None:
    found = limits(of(f"r{i}", model, context) for i, (model, context) in enumerate(fleet))
    assert found == {model: max(each for name, each in fleet if name == model) for model, _ in fleet}
