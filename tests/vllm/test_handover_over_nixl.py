"""Prefill on one engine, decode on the other."""

from pathlib import Path

import pytest

from bench.engines.fleet import Engines
from bench.vllm_e2e.client import ask
from bench.vllm_e2e.handover import ROLES, by_hand, fetched, requests, through_weir
from bench.vllm_e2e.kills import told
from bench.vllm_e2e.stack import weir_over


@pytest.mark.parametrize("number", range(3))
def test_the_pair_hands_over_when_asked_by_hand(fleet: Engines, number: int) -> None:
    """The engines' part alone: without it nothing that Weir does could work."""
    prefill, decode = (member.url for member in fleet.members)
    asked = requests(3, seed=7)[number]
    before = fetched(decode)
    heard = by_hand(prefill, decode, asked, f"by-hand-{number}")
    assert heard.whole
    assert fetched(decode) - before > 100
    assert told(heard) == told(ask(prefill, asked.path, asked.body))


def test_a_hand_over_by_weir_yields_one_engines_tokens(fleet: Engines, tmp_path: Path) -> None:
    prefill, decode = (member.url for member in fleet.members)
    with weir_over(fleet, tmp_path / "parted", ROLES) as weir:
        found = through_weir(weir, decode, prefill, requests(8, seed=8), "parted")
    assert [(one.kind, one.heard, one.expected) for one in found if not one.equal] == []
    assert all(one.fetched > 100 for one in found)
