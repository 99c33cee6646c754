"""What engines are asked to keep for sessions that pause: learned on fake time, bounded, spliced as JSON."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.decision import Outcome
from policies.kv.retention import Directive, Rule
from router import retention
from router.core import Core, Placement
from router.order import Order
from router.retention import OVER_S, Bound, Retention, spliced
from router.settings import Settings
from tests.router.routers import core_of, described

KV = 100_000.0


class Talk:
    """Sessions at one replica, on fake time."""

    def __init__(self, **rule: Any) -> None:
        self.kept, self.now = Retention(Rule(**rule)), 1.0
        self.kept.takes(0, "vllm")

    def turn(self, session: str = "s", pause: float = 0.0, tools: int = 7, tokens: float = 2000.0) -> Directive | None:
        """A turn after a pause, answered a second later."""
        self.now += pause
        asked = self.kept.ask(0, session, tools, tokens, KV, 1.0, self.now)
        self.now += 1.0
        self.kept.answered(session, self.now)
        return asked

    def turns(self, n: int, pause: float, **more: Any) -> Directive | None:
        found = None
        for _ in range(n):
            found = self.turn(pause=pause, **more)
        return found


def test_a_session_with_quick_tools_is_kept_for_seconds_and_one_with_slow_ones_longer() -> None:
    quick, slow = Talk().turns(30, 2.0), Talk().turns(30, 20.0)
    assert quick is not None
    assert slow is not None
    assert quick.ttl_s < 10.0 < slow.ttl_s


def test_a_new_session_is_expected_to_pause_as_others_with_its_tools_do() -> None:
    talk = Talk()
    talk.turns(40, 2.0)
    same, other = talk.turn("new"), talk.turn("other", tools=8)
    assert same is not None
    assert other is not None
    assert same.ttl_s < 15.0 < other.ttl_s


def test_sessions_that_take_hours_are_not_kept() -> None:
    assert Talk().turns(30, 1500.0) is None


def test_a_tool_set_whose_sessions_end_after_a_turn_is_not_kept() -> None:
    talk = Talk()
    for i in range(400):
        talk.turn(f"s{i}")
        talk.now += OVER_S
        talk.turn("s-again")
    known = talk.kept._sets[7]
    assert known.turns.go_on < 0.6


def test_no_session_no_directive_and_nothing_kept() -> None:
    talk = Talk()
    assert talk.turn("") is None
    assert not talk.kept._sessions


def test_a_replica_that_takes_none_is_asked_nothing_but_its_sessions_are_learned_from() -> None:
    talk = Talk()
    talk.kept.takes(0, "")
    assert talk.turns(5, 2.0) is None
    talk.kept.takes(0, "vllm")
    found = talk.turn(pause=2.0)
    assert found is not None
    assert found.ttl_s < 20.0


@pytest.mark.parametrize("shape", ["", "sglang", "x"])
def test_only_shapes_that_are_known_are_taken(shape: str) -> None:
    talk = Talk()
    talk.kept.takes(0, shape)
    assert not talk.kept.rows


def test_what_is_bound_stays_within_its_share_and_is_free_again_when_it_ran_out() -> None:
    talk = Talk(bound=0.05)
    given = [talk.turn(f"s{i}") for i in range(5)]
    assert [one is not None for one in given] == [True, True, False, False, False]
    talk.now += 200.0
    assert talk.turn("later") is not None


def test_a_sessions_next_directive_takes_the_place_of_its_last() -> None:
    talk = Talk(bound=0.025)
    assert all(talk.turn("s") is not None for _ in range(10))
    assert talk.kept._bound[0].tokens == 2000.0
    assert talk.turn("other") is None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(1, 99), st.floats(0.1, 9)), max_size=30))
def test_what_is_bound_is_the_sum_of_what_has_not_run_out(done: list[tuple[str, float, float]]) -> None:
    bound, now, expected = Bound(), 0.0, dict[str, tuple[float, float]]()
    for session, tokens, lasting in done:
        now += 1.0
        bound.free(session, now)
        expected = {name: one for name, one in expected.items() if one[0] > now and name != session}
        assert bound.tokens == pytest.approx(sum(tokens for _, tokens in expected.values()), abs=1e-6)
        bound.bind(session, tokens, now + lasting)
        expected[session] = (now + lasting, tokens)


def test_a_replica_that_left_has_nothing_bound() -> None:
    talk = Talk(bound=0.02)
    assert talk.turn("a") is not None
    assert talk.turn("b") is None
    talk.kept.leave(0)
    talk.kept.takes(0, "vllm")
    assert talk.turn("c") is not None


def test_sessions_and_tool_sets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "MOST_SESSIONS", 10)
    monkeypatch.setattr(retention, "MOST_SETS", 5)
    talk = Talk()
    for i in range(100):
        talk.turn(f"s{i}", tools=i)
    assert len(talk.kept._sessions) == 10
    assert len(talk.kept._sets) <= 5


def test_an_answer_to_a_session_that_is_forgotten_is_passed_over() -> None:
    Retention().answered("nobody", 1.0)


def test_directives_are_json_members_with_the_session_as_their_scope() -> None:
    told = spliced(Directive(tokens=100, priority=70, ttl_s=12.8), 'a "session"')
    assert json.loads(b"{%b}" % told) == {
        "retention_directives": [{"start": 0, "end": 100, "priority": 70, "duration": 12.8}],
        "retention_scope": 'a "session"',
    }


def placed(core: Core, now: float, session: str = "s") -> Placement:
    order = Order(f"q{now}", "m", b"x" * 12_000, session=session)
    found = core.place(order, now)
    assert isinstance(found, Placement)
    core.end(found, Outcome(True, 0.1, 0.01, 0.5, 3000, 20, -1))
    return found


def test_a_core_asks_where_the_pool_says_that_its_engines_take_it() -> None:
    asks, silent = (core_of(Settings(), described("a", "h:1", retention=shape)) for shape in ("vllm", ""))
    for core, told in ((asks, True), (silent, False)):
        splices = [placed(core, 10.0 * i).splice for i in range(1, 10)]
        assert all(bool(one) == told for one in splices)
    assert not placed(asks, 200.0, session="").splice
