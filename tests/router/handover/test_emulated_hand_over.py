"""Hand-overs between emulated replicas: the tokens of one replica's answer, also when the decoder dies."""

import pytest

from tests.router.handover.splits import SplitCore
from tests.router.routers import Routers
from tests.router.test_gateway_emulated import emulated, killed_while_it_speaks, said, stream


async def test_a_hand_over_says_what_one_replica_says_and_outlives_its_decoder(
    routers: Routers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.router.routers.Core", SplitCore)
    roles = {"p": "prefill", "d": "decode", "e": "decode"}
    async with emulated(routers, roles) as (running, up):
        whole = (await stream(int(up[0].address.rpartition(":")[2]), return_token_ids=True))[1]
        who, events = await stream(running.port, return_token_ids=True)
        assert who == "d"
        assert said(events) == said(whole)
        events = await killed_while_it_speaks(running, up, 0.2, return_token_ids=True)
        assert said(events) == said(whole)
        assert events[-1]["usage"]["completion_tokens"] == 60
