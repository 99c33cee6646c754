"""What Weir predicts of an engine's cache, against what the engine says, request by request."""

from collections.abc import Callable

from bench.vllm_e2e.comparison import at_once, cached_share, equal_share, in_turn, unequal
from bench.vllm_e2e.stack import Weir

REQUESTS = 210


def test_predicted_cached_tokens_are_the_engines_own_for_two_hundred_mixed_requests(weir: Weir) -> None:
    found = in_turn(weir, REQUESTS, seed=4)
    assert [one for one in found if not one.equal] == []
    assert len(found) == REQUESTS
    assert {one.knowledge for one in found} == {"exact"}
    assert len({one.replica for one in found}) == 2
    assert cached_share(found) > 0.3  # else there was nothing to predict
    assert len({one.kind for one in found if one.reported_cached}) >= 13


def test_prompts_are_known_to_the_token_when_conversations_run_at_once(
    weir: Weir, record_property: Callable[[str, object], None]
) -> None:
    """Cached tokens may then be decided on before their event is heard: that share is told, not asserted."""
    found = at_once(weir, clients=8, turns=3, seed=5)
    record_property("equal_share_at_once", equal_share(found))
    record_property("unequal_at_once", unequal(found))
    assert all(one.predicted_prompt == one.reported_prompt for one in found)
