"""Feedback on decisions: taken once, from whom it was decided for, while it is fresh."""

import json

import pytest

from router.auto.feedback import KEPT_S, Ledger, Verdict, given
from tests.router.auto.ruled import Clock, ruled, ruler
from tests.router.routers import Routers


def ledger(key: bytes = b"k", worker: int = 0) -> tuple[Ledger, Clock]:
    clock = Clock()
    return Ledger(key, clock, worker), clock


def test_a_verdict_is_taken_once() -> None:
    book, _ = ledger()
    made = book.decision("acme")
    assert book.judge(made, "acme") is Verdict.TAKEN
    assert book.judge(made, "acme") is Verdict.REPLAYED


def test_every_decision_has_an_id_of_its_own() -> None:
    book, _ = ledger()
    assert len({book.decision("") for _ in range(100)}) == 100
    assert ledger(worker=1)[0].decision("") != ledger(worker=2)[0].decision("")


def test_another_tenants_decision_is_foreign_and_stays_open() -> None:
    book, _ = ledger()
    made = book.decision("acme")
    assert book.judge(made, "evil") is Verdict.FOREIGN
    assert book.judge(made, "") is Verdict.FOREIGN
    assert book.judge(made, "acme") is Verdict.TAKEN


@pytest.mark.parametrize("odd", ["", "d", "d-", "x" * 1000, "d1-0-1-0-beef", "\ud800", "é", "----"])
def test_what_this_router_never_made_is_unknown(odd: str) -> None:
    assert ledger()[0].judge(odd, "") is Verdict.UNKNOWN


def test_an_id_of_another_router_or_one_that_was_changed_is_unknown() -> None:
    made = ledger()[0].decision("acme")
    assert ledger(b"other")[0].judge(made, "acme") is Verdict.UNKNOWN
    body, _, signature = made.rpartition("-")
    assert ledger()[0].judge(f"{body[:-1]}0-{signature}", "acme") is Verdict.UNKNOWN


def test_workers_with_one_key_take_one_anothers() -> None:
    made = ledger(worker=1)[0].decision("acme")
    other = ledger(worker=2)[0]
    assert other.judge(made, "acme") is Verdict.TAKEN


def test_a_verdict_at_another_worker_counts_here_too() -> None:
    book, _ = ledger()
    made = book.decision("acme")
    book.judged(made)
    assert book.judge(made, "acme") is Verdict.REPLAYED


def test_a_decision_can_be_judged_for_a_day() -> None:
    book, clock = ledger()
    made = book.decision("")
    clock.now += KEPT_S + 1
    assert book.judge(made, "") is Verdict.UNKNOWN


@pytest.mark.parametrize("body", [
    b"", b"[]", b"{}", b"nope", b'{"decision":"x"}', b'{"decision":"x","rating":2}', b'{"decision":"x","rating":-1}',
    b'{"decision":"x","rating":"good"}', b'{"decision":1,"rating":0.5}', b'{"decision":"x","rating":NaN}', b"\xff",
    b"[" * 5000,
])  # fmt: skip
def test_feedback_that_is_none_is_malformed(body: bytes) -> None:
    assert given(body) is None


def test_feedback_may_be_anything_from_nought_to_one() -> None:
    for rating in (0, 1, 0.25):
        found = given(json.dumps({"decision": "x", "rating": rating, "note": "ignored"}).encode())
        assert found is not None
        assert found.rating == rating


async def test_the_endpoint_answers_with_a_status_and_a_code_for_each(routers: Routers) -> None:
    running = await ruled(routers)
    heard: list[tuple[str, float]] = []
    ruler(running).on_said = lambda said: heard.append((said.decision, said.rating))
    async with running.caller() as caller:
        made = (await caller.ask("/v1/chat/completions", "x-weir-tenant: acme", model="auto")).headers[
            "x-weir-decision"
        ]

        async def judged(decision: str, *lines: str) -> tuple[int, str | None]:
            reply = await caller.ask(
                "/v1/feedback", *lines, body=json.dumps({"decision": decision, "rating": 1}).encode()
            )
            return reply.status, reply.json.get("error", {}).get("code")

        assert await judged("d1-0-1-0-beef") == (404, "feedback-unknown")
        assert await judged(made) == (403, "feedback-foreign")
        assert await judged(made, "x-weir-tenant: acme") == (202, None)
        assert await judged(made, "x-weir-tenant: acme") == (409, "feedback-replayed")
        assert (await caller.ask("/v1/feedback", body=b"{}")).status == 400
        caller.send(b"GET /v1/feedback HTTP/1.1\r\n\r\n")
        assert (await caller.reply()).status == 405
    assert heard == [(made, 1.0)]
    assert running.core.metrics.snapshot().judged == {
        "unknown": 1, "foreign": 1, "taken": 1, "replayed": 1, "malformed": 1,
    }  # fmt: skip


async def test_without_rules_there_is_no_feedback(routers: Routers) -> None:
    running = await ruled(routers)
    running.gateway.auto = None
    async with running.caller() as caller:
        assert (await caller.ask("/v1/feedback", body=b"{}")).status == 404
