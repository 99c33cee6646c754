"""Sessions and callers at a gateway under test: tokens, rules in pieces, replies with calls."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from router.auto.auto import SIGNED_WITH
from router.auto.visiting import Visits
from tests.router.auto.ruled import FakeClassifier, ruled, ruler
from tests.router.auto.test_response_cache import answered, says
from tests.router.caller import Caller, Reply
from tests.router.fakes import Trick
from tests.router.routers import Routers, Running

SECRET = b"shared"
FALLBACK = "fallback: {models: [small, large]}\n"


def token(**claims: Any) -> str:
    """A bearer token of ours."""
    parts = [base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in ({"alg": "HS256"}, claims)]
    signed = b".".join(parts)
    signature = base64.urlsafe_b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).rstrip(b"=")
    return f"Authorization: Bearer {(signed + b'.' + signature).decode()}"


async def visited(
    routers: Routers, monkeypatch: pytest.MonkeyPatch, sessions: str, rules: str = FALLBACK, *,
    classifier: FakeClassifier | None = None, trick: Trick | None = None, **more: Any,
) -> Running:  # fmt: skip
    """A gateway that remembers sessions by these rules."""
    monkeypatch.setenv(SIGNED_WITH, SECRET.decode())
    text = f"{rules}sessions: {sessions}"
    return await ruled(routers, text, classifier=classifier, trick=trick or says(answered()), **more)


def visits(running: Running) -> Visits:
    """What remembers there."""
    return ruler(running).served.visits


def did(running: Running) -> dict[str, int]:
    """What sessions and callers changed."""
    return running.core.metrics.snapshot().sessions


async def turn(caller: Caller, text: str = "hello", *lines: str, **fields: Any) -> Reply:
    """One turn of the session s of the tenant acme."""
    own = ("x-weir-session: s", "x-weir-tenant: acme", *lines)
    asked = {"model": "auto", "messages": [{"role": "user", "content": text}], **fields}
    return await caller.ask("/v1/chat/completions", *own, **asked)


def tool(name: str, description: str = "") -> dict[str, Any]:
    """A tool as OpenAI's API has it."""
    return {"type": "function", "function": {"name": name, "description": description}}


def call(name: str, index: int = 0, **arguments: Any) -> dict[str, Any]:
    """A call of a tool."""
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"index": index, "id": f"c{index}", "type": "function", "function": function}
