"""One of several leads: who may take the lease, and who must stop."""

from hypothesis import given
from hypothesis import strategies as st

from pool.control.election import LEASE_S, SURE_S, Election, Held


def held(holder: str = "b", renewed: str = "1") -> Held:
    return Held(holder=holder, renewed=renewed)


def test_a_lease_that_nobody_holds_may_be_taken() -> None:
    election = Election(me="a")
    for free in (None, held(""), held("a")):
        election.saw(free, 0.0)
        assert election.may_take(0.0)


def test_another_is_left_alone_until_it_has_been_silent_for_a_lease() -> None:
    election = Election(me="a")
    election.saw(held(), 100.0)
    assert not election.may_take(100.0 + LEASE_S)
    election.saw(held(renewed="2"), 110.0)
    assert not election.may_take(110.0 + LEASE_S)
    assert election.may_take(110.1 + LEASE_S)


def test_what_time_the_holder_thinks_it_is_does_not_matter() -> None:
    election = Election(me="a")
    election.saw(Held(holder="b", renewed="1970-01-01T00:00:00Z"), 0.0)
    assert not election.may_take(1.0)
    election.saw(Held(holder="b", renewed="2999-01-01T00:00:00Z"), 2.0)
    assert election.may_take(2.1 + LEASE_S)


def test_a_holder_that_cannot_renew_stops_before_another_may_begin() -> None:
    election = Election(me="a")
    election.renewed(10.0)
    assert election.leads(10.0 + SURE_S - 0.1)
    assert not election.leads(10.0 + SURE_S)
    assert SURE_S < LEASE_S


def test_whoever_has_lost_it_does_not_lead() -> None:
    election = Election(me="a")
    election.renewed(0.0)
    election.lost()
    assert not election.leads(0.1)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0.1, 12.0), st.booleans()), max_size=60))
def test_two_never_lead_at_once(steps: list[tuple[str, float, bool]]) -> None:
    """Each step one of the two looks; where the API answers it takes what it may."""
    both = {name: Election(me=name) for name in "ab"}
    lease: Held | None = None
    now = 0.0
    for turn, (name, pause, answers) in enumerate(steps):
        now += pause
        if answers:
            both[name].saw(lease, now)
            if both[name].may_take(now):
                lease = Held(holder=name, renewed=str(turn))
                both[name].renewed(now)
            else:
                both[name].lost()
        assert sum(each.leads(now) for each in both.values()) <= 1
