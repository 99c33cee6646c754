"""A request that lies in a box: made, and then read by the very signals that rules are decided by."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product
from math import isfinite

from policies.select.rules.known import CLAIM, HEADER
from policies.select.rules.predicate import Variable, taken
from policies.select.rules.prove.boxes import Box
from policies.select.rules.prove.phrases import EVERY
from policies.select.rules.structural import NONE, read
from policies.select.rules.values import Numbers, Values
from policies.signals.facts import UNTOLD, Facts, Message
from policies.signals.reading import Reading

Wish = Mapping[str, float | str]
"""A value for each signal that is asked for; NaN where it is to be unknown."""

TEXTUAL = ("language", "script", "code")
SPOKEN = ("turns", "message_count")  # a request without a message is the last that is tried
UNFORGEABLE = "system_fingerprint"  # a hash: no text is sought that has it
MOST_TRIES = 4_000
EACH = 4  # values tried of one signal


def request(box: Box, texts: Sequence[str] = EVERY) -> Facts | None:
    """A request whose structural readings are all in the box; None where none was found."""
    wanted = {variable.signal: values for variable, values in box.items()}
    spoken = [text for text in texts if _reads(text, wanted)] or [""]
    names = [name for name in wanted if name not in TEXTUAL]
    wishes = product(spoken, *(_choices(name, wanted[name]) for name in names))
    for text, *values in islice(wishes, MOST_TRIES):
        made = facts(str(text), dict(zip(names, values, strict=True)))
        if lies_in(made, box):
            return made
    return None


def lies_in(made: Facts, box: Box) -> bool:
    """Whether a request reads as a box wants it to."""
    return all(
        _has(values, read(variable.signal, made), variable) or _unforgeable(variable, values, made)
        for variable, values in box.items()
    )


def _unforgeable(variable: Variable, values: Values, made: Facts) -> bool:
    return variable.signal == UNFORGEABLE and bool(made.system_text()) and not values.empty()


def _has(values: Values, reading: Reading, variable: Variable) -> bool:
    if not reading.known():
        return values.unknown
    return values.has(taken(reading, variable.part))  # type: ignore[arg-type]


def _reads(text: str, wanted: Mapping[str, Values]) -> bool:
    made = facts(text, {})
    return all(_has(wanted[name], read(name, made), Variable(name, _part(name))) for name in TEXTUAL if name in wanted)


def _part(name: str) -> str:
    return "value" if name == "code" else "label"


def _choices(name: str, values: Values) -> list[float | str]:
    if isinstance(values, Numbers):
        return sorted(_numbers(values), key=lambda one: name in SPOKEN and one == 0.0)
    told = sorted(values.words)[:EACH] if not values.but else []
    fresh = next(f"other{i or ''}" for i in range(len(values.words) + 1) if f"other{i or ''}" not in values.words)
    return [*told, *([NONE] if values.has(NONE) else []), *([fresh] if values.but else [])]


def _numbers(values: Numbers) -> list[float | str]:
    lows = [low if isfinite(low) else 0.0 for low, _ in values.spans]
    tried = [*lows, *(low + 1.0 for low in lows), *(low + 2.0 for low in lows), 32.0]
    found = [one for one in dict.fromkeys(tried) if values.has(one)][:EACH]
    return [*found, *([float("nan")] if values.unknown else [])]


def facts(text: str, wish: Wish) -> Facts:
    """A request with that newest question and, as far as they go together, the values wished for."""

    def number(name: str, default: float = 0.0) -> int:
        found = float(wish.get(name, default))
        return int(found) if isfinite(found) else 0

    def word(name: str, default: str = NONE) -> str:
        found = str(wish.get(name, default))
        return "" if found == NONE else found

    return Facts(
        id="counter-example",
        model="auto",
        messages=tuple(_messages(text, wish)),
        tools=tuple(f"tool{i}" for i in range(min(number("tools_offered"), 64))),
        response_format="grammar" if word("response_format") == "other" else word("response_format", "text"),
        prompt_tokens=number("context_tokens"),
        visual_tokens=number("visual_tokens"),
        max_tokens=number("output_limit"),
        session="session" if wish.get("chained") else "",
        tenant=word("tenant"),
        headers=_named(wish, HEADER, {"budget_usd": "x-weir-budget-usd", "budget_tokens": "x-weir-budget-tokens"}),
        claims=_named(wish, CLAIM, {"caller_role": "role"}) | ({"agent": "agent"} if wish.get("agent") else {}),
        session_risk=float(wish.get("session_risk", UNTOLD)),
        caller_reputation=float(wish.get("caller_reputation", UNTOLD)),
        usual_domain=word("usual_domain"),
        usual_tools=float(wish.get("usual_tools", UNTOLD)),
        usual_turns=float(wish.get("usual_turns", UNTOLD)),
        usual_turns_p90=float(wish.get("usual_turns_p90", UNTOLD)),
    )


def _named(wish: Wish, prefix: str, more: Mapping[str, str]) -> dict[str, str]:
    """Claims or headers: those that conditions name, and those that a signal reads."""
    told = {more.get(name, name.removeprefix(prefix)): value for name, value in wish.items()
            if name.startswith(prefix) or name in more}  # fmt: skip
    return {name: value if isinstance(value, str) else f"{value:.12f}".rstrip("0").rstrip(".")
            for name, value in told.items() if value not in (NONE, "nan") and value == value}  # fmt: skip


def _messages(text: str, wish: Wish) -> Iterator[Message]:
    """A conversation: system, filler, calls and their answers, questions, and who speaks last."""
    last = wish.get("last_role", "")
    if last == NONE:
        return
    tail = list(_tail(text, wish, str(last)))
    head = [Message("system", "You are helpful.")] if wish.get(UNFORGEABLE, NONE) != NONE else []
    missing = int(wish.get("message_count", 0)) - len(head) - len(tail)
    pictures = int(wish.get("images", 1.0 if wish.get("modality") == "image" else 0.0))
    messages = [*head, *(Message("assistant", "I see.") for _ in range(min(missing, 1024))), *tail]
    if messages:
        messages[-1] = messages[-1]._replace(images=pictures)
    yield from messages


def _tail(text: str, wish: Wish, last: str) -> Iterator[Message]:
    asked = int(wish.get("turns", 0.0 if wish.get("message_count") == 0.0 else 1.0))
    yield from (Message("user", "Go on.") for _ in range(min(asked, 1024) - 1))
    question = [Message("user", f"{text}{_odd(wish)}")] if asked else []
    if last not in ("", "user"):
        yield from question
    if calls := int(wish.get("tool_calls", 0.0)):
        yield Message("assistant", "", tuple(f"tool{i}" for i in range(min(calls, 1024))))
    yield from _answers(wish, last)
    if last in ("", "user"):
        yield from question
    elif last != "tool":
        yield Message("developer" if last == "other" else last, "Go on.")


def _answers(wish: Wish, last: str) -> Iterator[Message]:
    """Answers of tools: the failures, the streak of them last."""
    told = wish.get("failure_streak", wish.get("tool_failures", 0.0))
    streak = min(int(told), 1024)
    failures = min(int(wish.get("tool_failures", streak)), 1024)
    yield from (Message("tool", "It failed.", failed=True) for _ in range(failures - streak))
    if failures > streak or (last == "tool" and not failures):
        yield Message("tool", "Done.")
    yield from (Message("tool", "It failed.", failed=True) for _ in range(min(streak, failures)))


def _odd(wish: Wish) -> str:
    hidden, encoded = (wish.get(name, 0.0) for name in ("hidden_characters", "encoded_run"))
    return "\u200b" * min(int(hidden), 10_000) + (f" {'0' * min(int(encoded), 10_000)}" if encoded else "")
