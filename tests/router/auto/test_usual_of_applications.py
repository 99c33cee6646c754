"""Applications at the gateway: what sessions of a system prompt were like is a signal on the first turn of the next."""

from typing import Any

import pytest

from policies.select.rules.sessions import SessionRules
from policies.signals.facts import Facts, Message
from policies.signals.reading import Reading
from router.auto import session_store as store
from tests.router.auto.ruled import Clock, FakeClassifier, ruler
from tests.router.auto.visitors import tool, visited, visits
from tests.router.caller import Caller
from tests.router.routers import Routers
from weir.rulesfile import rules_of

LONG = """\
fallback: {models: [small]}
rules:
  - name: long-sessions
    priority: 2
    when: {signal: usual_turns, at_least: 3}
    then: {models: [large]}
  - name: lawyers
    priority: 1
    when: {any: [{signal: usual_domain, is: [law]}, {signal: domain, is: [history]}]}
    then: {models: [large, small]}
"""


async def asked(caller: Caller, session: str, system: str, **more: Any) -> str:
    """One turn of a session of an application; the rule that answered."""
    lines = (f"x-weir-session: {session}", "x-weir-tenant: acme")
    messages = [{"role": "system", "content": system}, {"role": "user", "content": "Go on."}]
    reply = await caller.ask("/v1/chat/completions", *lines, model="auto", messages=messages, **more)
    return reply.headers["x-weir-rule"]


async def test_a_session_begins_as_those_of_its_system_prompt_went(
    routers: Routers, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = FakeClassifier({"domain": Reading(0.9, "math")})
    sessions = "{ttl_s: 60, applications: {fewest: 2}}"
    running = await visited(routers, monkeypatch, sessions, LONG, classifier=classifier)
    async with running.caller() as caller:
        for session in ("a", "b"):
            for _ in range(4):
                assert await asked(caller, session, "You are a coder.") == "fallback"
            assert await asked(caller, f"short {session}", "You are a clerk.") == "fallback"
        clock = ruler(running).clock
        assert isinstance(clock, Clock)
        clock.now += 100.0
        assert await asked(caller, "c", "You are a coder.") == "long-sessions"
        assert await asked(caller, "d", "You are a clerk.") == "fallback"
        assert await asked(caller, "e", "You are a poet.") == "fallback"


async def test_the_usual_domain_is_learned_where_a_rule_reads_domains(
    routers: Routers, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = FakeClassifier({"domain": Reading(0.9, "law")})
    running = await visited(routers, monkeypatch, "{applications: {fewest: 2}}", LONG, classifier=classifier)
    async with running.caller() as caller:
        found = [await asked(caller, "s", "You are a judge.", tools=[tool("read")]) for _ in range(3)]
        assert found == ["fallback", "fallback", "lawyers"]
        assert await asked(caller, "t", "You are a cook.") == "fallback"
    (judge, _) = visits(running).kept.applications.values()
    assert (judge.usual(2).domain, judge.usual(2).tools) == ("law", 1.0)


def turn(session: str, at: float, application: str) -> store.Turn:
    told = store.Turn(session, at, 10.0, 10.0, 0.0, "small", "chat")
    told.application = application
    return told


def applications(fewest: int = 1) -> SessionRules:
    found = rules_of(f"fallback: {{models: [small]}}\nsessions: {{applications: {{fewest: {fewest}}}}}\n", "r.yaml")
    assert found[0].sessions is not None
    return found[0].sessions


def test_events_of_workers_that_know_nothing_of_applications_are_read() -> None:
    old = store.encode(("t", "s", 1.0, 2.0, 3.0, 0.0, "small", "chat"))
    assert store.decode(old) == store.Turn("s", 1.0, 2.0, 3.0, 0.0, "small", "chat")


def test_an_application_is_a_tenants_own_and_needs_a_system_prompt() -> None:
    facts = Facts(id="r", model="auto", messages=(Message("system", "You are A."),), tenant="acme")
    other = facts._replace(tenant="rival")
    assert store.application_key(facts) == store.application_key(facts._replace(session="x"))
    assert store.application_key(facts) != store.application_key(other)
    assert store.application_key(facts._replace(messages=(Message("user", "hi"),))) == ""


def test_as_many_applications_are_kept_as_are_bounded_the_least_recently_seen_leaves() -> None:
    kept = store.Kept(applications())
    for at in range(store.MOST_KINDS + 3):
        kept.apply(turn(f"s{at}", float(at), f"app{at}"))
    assert len(kept.applications) == store.MOST_KINDS
    assert kept.usual("app0").tools != kept.usual("app0").tools  # forgotten: not a number
    assert kept.usual(f"app{store.MOST_KINDS}").tools == 0.0


def test_where_rules_do_not_ask_nothing_is_usual() -> None:
    kept = store.Kept(applications())
    kept.apply(turn("s", 1.0, "app"))
    assert kept.usual("app").tools == 0.0
    kept.take(SessionRules())
    assert kept.usual("app").tools != kept.usual("app").tools
