"""kill -9 for a real engine in the middle of streams."""

from bench.engines.fleet import Engines
from bench.vllm_e2e.kills import streams, through_a_kill
from bench.vllm_e2e.stack import Weir


def test_a_stream_whose_engine_is_killed_completes_with_the_same_tokens(weir: Weir, fleet: Engines) -> None:
    victim, other = fleet.members
    found = through_a_kill(weir, victim, "vllm-0", streams(8, seed=6), other.url)
    assert not victim.alive
    assert any(one.struck for one in found)  # else nothing was proved
    assert [(one.kind, one.heard, one.expected) for one in found if not one.equal] == []
    assert weir.process is not None
    assert weir.process.poll() is None
