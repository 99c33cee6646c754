"""What every structural signal must keep, and requests to hold them against."""

from math import isfinite

from hypothesis import strategies as st

from policies.signals.facts import Facts, Message
from policies.signals.port import Signal
from policies.signals.reading import Reading

ODD = [
    "",
    "\x00",
    "\ud800",
    "\u200b\u200d\ufeff",
    "QUJD" * 40,
    "привет мир и ты",
    "你好，世界",
    "שלום",
    "```py\nx\n```",
]
TEXTS = st.one_of(st.text(max_size=200), st.sampled_from(ODD))
WORDS = st.text(max_size=12)
ROLES = st.one_of(st.sampled_from(["system", "user", "assistant", "tool"]), WORDS)
COUNTS = st.integers(0, 1 << 40)

MESSAGES = st.builds(
    Message, role=ROLES, text=TEXTS, tool_calls=st.lists(WORDS, max_size=3).map(tuple), failed=st.booleans(),
    images=st.integers(0, 9),
)  # fmt: skip

REQUESTS = st.builds(
    Facts, id=WORDS, model=WORDS, messages=st.lists(MESSAGES, max_size=6).map(tuple),
    tools=st.lists(WORDS, max_size=3).map(tuple), response_format=WORDS, prompt_tokens=COUNTS, visual_tokens=COUNTS,
    max_tokens=COUNTS, session=WORDS, previous_response=WORDS, tenant=WORDS,
    headers=st.dictionaries(st.sampled_from(["x-weir-budget-usd", "x-weir-budget-tokens", "x"]),
                            st.one_of(WORDS, st.floats().map(str), st.integers().map(str))),
    claims=st.dictionaries(st.sampled_from(["role", "agent", "sub"]), WORDS),
)  # fmt: skip


def fits(kind: type[Signal], told: Reading) -> bool:
    """Whether a reading is one that a signal of this kind may give."""
    if kind.kind == "flag":
        return told.value in (0.0, 1.0) and not told.label
    if kind.kind == "count":
        return told.value >= 0.0 and told.value == int(told.value) and not told.label
    if kind.kind == "label":
        return told.value == 1.0 and bool(told.label) and (not kind.labels or told.label in kind.labels)
    return kind.kind == "number" and (not told.known() or isfinite(told.value))
