"""What was refused for good stays refused."""

from typing import Any

import pytest

from policies.sessions.commitments import Boundary, Commitments

NONE = Commitments(actions=frozenset({"transfer", "delete"}))
FIRM = {"action": "transfer", "firm": True}


def test_a_declared_boundary_forbids_that_action_to_that_caller_alone() -> None:
    held = NONE.declared("mallory", "bank", FIRM, now=0.0)
    assert held.forbids("mallory", "bank", "transfer", now=1e9)
    assert not held.forbids("mallory", "bank", "delete", now=1.0)
    assert not held.forbids("mallory", "shop", "transfer", now=1.0)
    assert not held.forbids("alice", "bank", "transfer", now=1.0)


@pytest.mark.parametrize(
    "arguments",
    [
        {}, {"action": "transfer"}, {"action": "transfer", "firm": "probably"}, {"action": "transfer", "firm": False},
        {"action": "anything at all", "firm": True}, {"action": 7, "firm": True}, FIRM | {"ttl_s": "long"},
        FIRM | {"ttl_s": -1.0}, FIRM | {"ttl_s": float("nan")},
    ],
)  # fmt: skip
def test_hedging_and_nonsense_bind_nobody(arguments: dict[str, Any]) -> None:
    assert NONE.declared("mallory", "bank", arguments, now=0.0) is NONE


def test_a_boundary_with_a_term_ends() -> None:
    held = NONE.declared("mallory", "bank", FIRM | {"ttl_s": 60.0}, now=0.0)
    assert held.forbids("mallory", "bank", "transfer", now=59.0)
    assert not held.forbids("mallory", "bank", "transfer", now=60.0)


def test_a_later_shorter_declaration_loosens_nothing() -> None:
    held = NONE.declared("m", "b", FIRM, now=0.0).declared("m", "b", FIRM | {"ttl_s": 1.0}, now=5.0)
    assert held.forbids("m", "b", "transfer", now=1e9)


def test_only_the_owner_lifts_a_boundary() -> None:
    held = NONE.declared("m", "b", FIRM, now=0.0)
    one = Boundary("m", "b", "transfer")
    assert held.lifted(one, by_owner=False) is held
    assert not held.lifted(one, by_owner=True).forbids("m", "b", "transfer", now=1.0)


def test_twelve_tries_after_a_refusal_reach_the_model_not_once() -> None:
    held, reached = NONE, 0
    for i in range(12):
        if not held.forbids("m", "b", "transfer", now=float(i)):
            reached += 1
            held = held.declared("m", "b", FIRM, now=float(i))
    assert reached == 1
