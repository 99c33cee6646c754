"""A new policy gets a few requests first, and all of them only when it is better."""

import pytest

from policies.canary import Arm, Canary, Rules, Stage
from policies.request import coin


def begun(**rules: float) -> Canary:
    return Canary(new="thompson", old="static", rules=Rules(**rules))  # type: ignore[arg-type]


def fed(canary: Canary, new: float, old: float, n: int, *, salt: int = 0, failing: float = 0.0) -> Canary:
    """Requests whose rewards are coins of these chances, as the canary shares them out."""
    for i in range(n):
        name = f"{salt}-{i}"
        policy = canary.serves(name)
        chance = new if policy == "thompson" else old
        failed = policy == "thompson" and coin(name, 5) < failing
        canary = canary.saw(policy, float(coin(name, 3) < chance), failed=failed, now=float(i))
    return canary


def test_one_request_in_twenty_goes_to_the_new_policy() -> None:
    served = [begun().serves(f"{i}") for i in range(10_000)]
    assert served.count("thompson") / 10_000 == pytest.approx(0.05, abs=0.01)


def test_a_session_stays_with_one_policy() -> None:
    assert len({begun().serves("session-1") for _ in range(5)}) == 1


def test_a_clearly_better_policy_is_promoted_and_gets_everything() -> None:
    canary = fed(begun(), 0.8, 0.5, 10_000)
    assert canary.stage is Stage.PROMOTED
    assert {canary.serves(f"{i}") for i in range(100)} == {"thompson"}
    assert "better by" in canary.why


def test_a_clearly_worse_policy_is_stopped_early() -> None:
    canary = fed(begun(), 0.2, 0.7, 4_000)
    assert canary.stage is Stage.ROLLED_BACK
    assert canary.mine.rewards < 200
    assert {canary.serves(f"{i}") for i in range(100)} == {"static"}


def test_a_policy_that_is_no_better_is_not_promoted() -> None:
    ends = [fed(begun(most=600), 0.6, 0.6, 14_000, salt=salt).stage for salt in range(12)]
    assert ends.count(Stage.PROMOTED) <= 1
    assert Stage.CANARY not in ends


def test_a_policy_whose_requests_fail_is_stopped_whatever_it_earns() -> None:
    canary = fed(begun(), 0.9, 0.5, 4_000, failing=0.3)
    assert canary.stage is Stage.ROLLED_BACK
    assert "failed" in canary.why


def test_a_promoted_policy_that_gets_worse_is_rolled_back() -> None:
    promoted = fed(begun(), 0.8, 0.5, 10_000)
    later = fed(promoted, 0.2, 0.5, 400, salt=1)
    assert later.stage is Stage.ROLLED_BACK
    assert later.serves("x") == "static"


def test_after_a_rollback_it_rests_before_it_may_try_again() -> None:
    stopped = fed(begun(rest_s=3600.0), 0.2, 0.7, 4_000)
    assert stopped.again(stopped.ended_s + 10.0) is stopped
    assert stopped.saw("thompson", 1.0, failed=False, now=1e9) is stopped
    again = stopped.again(stopped.ended_s + 3600.0)
    assert again.stage is Stage.CANARY
    assert again.mine == Arm()


def test_rewards_of_nobody_and_no_numbers_say_nothing() -> None:
    canary = begun()
    assert canary.saw("other", 1.0, failed=False, now=0.0) is canary
    assert canary.saw("thompson", float("nan"), failed=False, now=0.0) is canary


def test_a_side_without_two_rewards_is_never_sure() -> None:
    assert Arm().variance_of_mean() == float("inf")
    assert Arm().mean() == Arm().failure_rate() == 0.0
    assert begun().saw("thompson", 1.0, failed=False, now=0.0).stage is Stage.CANARY
