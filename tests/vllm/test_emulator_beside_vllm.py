"""The emulator beside the engine it stands for: the same calls, the same pages, the same frames."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from bench.engines.engine import HOST
from bench.engines.fleet import BLOCK_TOKENS, MODEL, Engines
from bench.vllm_e2e.client import CHAT, TEXT
from bench.vllm_e2e.pages import page
from tests.vllm.emulated import Place, call, emulated, events_of, frames_of, replayed, shape

SAID = [{"role": "user", "content": "hello world, how are you today?"}]
OPTIONS = {"stream_options": {"include_usage": True}}

ANSWERED: dict[str, tuple[str, Any]] = {
    "chat": (CHAT, {"messages": SAID, "max_tokens": 3}),
    "chat with token ids": (CHAT, {"messages": SAID, "max_tokens": 3, "return_token_ids": True}),
    "chat, streamed": (CHAT, {"messages": SAID, "max_tokens": 3, "stream": True, **OPTIONS}),
    "chat, streamed with token ids": (
        CHAT, {"messages": SAID, "max_tokens": 3, "stream": True, "return_token_ids": True},
    ),
    "chat with probabilities": (CHAT, {"messages": SAID, "max_tokens": 3, "logprobs": True, "top_logprobs": 2}),
    "chat, streamed with probabilities": (
        CHAT, {"messages": SAID, "max_tokens": 3, "logprobs": True, "top_logprobs": 2, "stream": True},
    ),
    "text": (TEXT, {"prompt": "hello world", "max_tokens": 3}),
    "token ids": (TEXT, {"prompt": [5, 6, 7], "max_tokens": 3, "return_token_ids": True}),
    "text, streamed": (TEXT, {"prompt": "hello world", "max_tokens": 3, "stream": True, **OPTIONS}),
    "tokenize": ("/tokenize", {"prompt": "hello world"}),
    "detokenize": ("/detokenize", {"tokens": [5, 6, 7]}),
}  # fmt: skip

REFUSED: dict[str, tuple[str, Any]] = {
    "likeliest tokens without probabilities": (CHAT, {"messages": SAID, "top_logprobs": 2}),
    "more likeliest tokens than it tells": (CHAT, {"messages": SAID, "logprobs": True, "top_logprobs": 21}),
    "another model": (CHAT, {"model": "nobody", "messages": SAID}),
    "more output than fits": (CHAT, {"messages": SAID, "max_tokens": 100_000}),
    "a prompt that does not fit": (TEXT, {"prompt": [7] * 5000, "max_tokens": 1}),
    "messages that are none": (CHAT, {"messages": "hello"}),
    "no such path": ("/v1/nothing", {}),
    "not an object": (CHAT, [1, 2]),
}


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with emulated(tmp_path_factory.mktemp("emulated")) as place:
        yield place


@pytest.fixture
def real(fleet: Engines) -> Place:
    ports = fleet.members[0].ports
    return Place(url=fleet.members[0].url, events=f"tcp://{HOST}:{ports.events}", replay=f"tcp://{HOST}:{ports.replay}")


@pytest.mark.parametrize("what", ANSWERED)
def test_answers_have_the_engines_fields_and_types(what: str, real: Place, twin: Place) -> None:
    path, body = ANSWERED[what]
    theirs, ours = (call(place.url, path, {"model": MODEL, **body}) for place in (real, twin))
    assert (ours.status, ours.kind) == (theirs.status, theirs.kind) == (200, ours.kind)
    # how many tokens a piece of a stream has is a matter of time: the first, the last and all of them are compared
    for mine, other in (
        (shape(ours.pieces[0]), shape(theirs.pieces[0])),
        (shape(ours.pieces[-1]), shape(theirs.pieces[-1])),
        (shape(ours.pieces), shape(theirs.pieces)),
    ):
        assert not {at: kind for at, kind in mine.items() if not other.get(at, set()) & (kind | {"null"})}


@pytest.mark.parametrize("what", REFUSED)
def test_errors_have_the_engines_status_and_shape(what: str, real: Place, twin: Place) -> None:
    path, body = REFUSED[what]
    named = {"model": MODEL, **body} if isinstance(body, dict) else body
    theirs, ours = (call(place.url, path, named) for place in (real, twin))
    assert ours.status == theirs.status
    assert ours.kind == theirs.kind
    assert [shape(each).keys() for each in ours.pieces] == [shape(each).keys() for each in theirs.pieces]


@pytest.mark.parametrize("path", ["/health", "/ping", "/version", "/load", "/v1/models", "/kv_event_sources"])
def test_pages_have_the_engines_fields(path: str, real: Place, twin: Place) -> None:
    theirs, ours = (page(place.url, path) for place in (real, twin))
    if not theirs:
        assert not ours
        return
    mine, other = msgspec.json.decode(ours), msgspec.json.decode(theirs)
    assert shape(mine).keys() <= shape(other).keys()


def test_every_metric_of_the_emulator_is_the_engines_with_its_type_and_labels(real: Place, twin: Place) -> None:
    theirs, ours = (page(place.url, "/metrics") for place in (real, twin))
    mine, other = described(ours), described(theirs)
    strangers = {name: kind for name, kind in mine.items() if name.startswith("vllm:") and other.get(name) != kind}
    assert not strangers
    for name in sorted(series(ours) & series(theirs)):
        assert labels(ours, name) <= labels(theirs, name), name


def test_kv_events_come_in_the_engines_frames(real: Place, twin: Place) -> None:
    prompt = [11 + number % 300 for number in range(3 * BLOCK_TOKENS + 5)]
    theirs, ours = (frames_of(place, prompt) for place in (real, twin))
    assert [len(frames) for frames in (ours[0], theirs[0])] == [3, 3]  # topic, number, payload
    assert {len(number) for _, number, _ in (*ours, *theirs)} == {8}
    mine, other = events_of(ours), events_of(theirs)
    assert {event["type"] for event in mine} == {event["type"] for event in other} == {"BlockStored"}
    assert [event["token_ids"] for event in mine] == [event["token_ids"] for event in other]
    for event, beside in zip(mine, other, strict=True):
        assert {k: kind_of(v) for k, v in event.items()} == {k: kind_of(beside[k]) for k in event}
        assert event.keys() == beside.keys()
        assert len(event["block_hashes"]) == len(beside["block_hashes"])


def test_a_replay_is_answered_in_the_engines_frames(real: Place, twin: Place) -> None:
    theirs, ours = (replayed(place) for place in (real, twin))
    assert [len(frame) for frame in ours[-1]] == [len(frame) for frame in theirs[-1]]
    assert ours[-1][-2:] == theirs[-1][-2:]  # the end: -1, and nothing
    assert {len(frames) for frames in ours[:-1]} == {len(frames) for frames in theirs[:-1]}


def described(text: str) -> dict[str, str]:
    """Metric families and their types."""
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))


def series(text: str) -> set[str]:
    return set(re.findall(r"^(vllm:[a-z_:]+)[{ ]", text, re.MULTILINE))


def labels(text: str, name: str) -> set[str]:
    found = re.findall(rf"^{name}\{{(.*)\}} ", text, re.MULTILINE)
    return {label for line in found for label in re.findall(r'([a-z_]+)="', line)}


def kind_of(value: Any) -> str:
    return type(value).__name__
