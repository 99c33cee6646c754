"""What each structural signal reads of requests that look like real ones."""

import pytest

from policies.signals.facts import Facts, Message
from policies.signals.port import SIGNALS
from policies.signals.reading import Reading


def request(*messages: Message, **facts: object) -> Facts:
    return Facts("id", "auto", messages, **facts)  # type: ignore[arg-type]


def user(text: str = "hello", images: int = 0) -> Message:
    return Message("user", text, images=images)


def tool(failed: bool = False) -> Message:
    return Message("tool", "result", failed=failed)


def read(name: str, facts: Facts) -> Reading:
    return SIGNALS[name]().read(facts)


def value(name: str, facts: Facts) -> float:
    return read(name, facts).value


def label(name: str, facts: Facts) -> str:
    return read(name, facts).label


AGENT = request(
    Message("system", "You fix bugs."), user("fix it"), Message("assistant", "", ("run", "read")), tool(), tool(True),
    Message("assistant", "", ("run",)), tool(True), tools=("run", "read", "write"),
)  # fmt: skip


def test_a_conversation_is_counted() -> None:
    assert value("message_count", AGENT) == 7
    assert value("turns", AGENT) == 1
    assert value("tools_offered", AGENT) == 3
    assert value("tool_calls", AGENT) == 3
    assert value("tool_failures", AGENT) == 2
    assert value("agent", AGENT) == 1


def test_a_streak_of_failures_ends_with_an_answer_that_is_good() -> None:
    assert value("failure_streak", AGENT) == 2
    assert value("failure_streak", request(tool(True), tool(True), tool())) == 0
    assert value("failure_streak", request(tool(True), user("and now?"), tool(True))) == 2
    assert value("failure_streak", request(user())) == 0


@pytest.mark.parametrize("role", ["system", "user", "assistant", "tool"])
def test_who_spoke_last_is_told(role: str) -> None:
    assert label("last_role", request(user(), Message(role, "x"))) == role


def test_who_spoke_last_is_nobody_or_somebody_else() -> None:
    assert label("last_role", request()) == "none"
    assert label("last_role", request(Message("developer", "x"))) == "other"


def test_a_session_or_an_earlier_response_chains_a_request() -> None:
    assert value("chained", request(user())) == 0
    assert value("chained", request(user(), session="s")) == 1
    assert value("chained", request(user(), previous_response="resp_1")) == 1


def test_the_fingerprint_is_the_system_prompts_and_nothing_elses() -> None:
    one = request(Message("system", "You are A."), user("x"))
    other = request(Message("system", "You are A."), user("y"), user("z"), session="s")
    assert label("system_fingerprint", one) == label("system_fingerprint", other)
    assert label("system_fingerprint", one) != label("system_fingerprint", request(Message("system", "You are B.")))
    assert label("system_fingerprint", request(user())) == "none"


def test_prompts_alike_at_their_beginning_differ_by_their_length() -> None:
    long = "x" * 10_000
    assert label("system_fingerprint", request(Message("system", long))) != label(
        "system_fingerprint", request(Message("system", long + "y"))
    )


def test_images_make_another_modality() -> None:
    assert label("modality", request(user())) == "text"
    assert label("modality", request(user(images=2), user())) == "image"
    assert value("images", request(user(images=2), user(images=1))) == 3
    assert value("visual_tokens", request(user(images=1), visual_tokens=729)) == 729


def test_the_format_asked_for_is_told() -> None:
    assert label("response_format", request(user(), response_format="json_schema")) == "json_schema"
    assert label("response_format", request(user(), response_format="yaml")) == "other"
    assert label("response_format", request(user())) == "text"


def test_sizes_are_the_requests_own() -> None:
    facts = request(user(), prompt_tokens=12_345, max_tokens=99)
    assert (value("context_tokens", facts), value("output_limit", facts)) == (12_345, 99)


@pytest.mark.parametrize("told", ["0.25", " 0.25 ", "00.250"])
def test_a_budget_is_a_plain_decimal(told: str) -> None:
    assert value("budget_usd", request(user(), headers={"x-weir-budget-usd": told})) == 0.25


@pytest.mark.parametrize("told", ["", "-1", "nan", "inf", "1e9", "0x10", "1,5", "٣", "9" * 50])
def test_a_budget_that_is_no_amount_is_unknown(told: str) -> None:
    assert not read("budget_usd", request(user(), headers={"x-weir-budget-usd": told})).known()
    assert not read("budget_tokens", request(user(), headers={"x-weir-budget-tokens": told})).known()


def test_a_role_comes_from_a_verified_token_alone() -> None:
    assert label("caller_role", request(user(), claims={"role": "owner"})) == "owner"
    assert label("caller_role", request(user(), headers={"role": "owner"})) == "none"
    assert label("tenant", request(user(), tenant="acme")) == "acme"
    assert label("tenant", request(user())) == "none"


def test_a_token_that_names_an_agent_makes_one() -> None:
    assert value("agent", request(user(), claims={"agent": "a-1"})) == 1
    assert value("agent", request(user())) == 0


SPOKEN = {
    "en": "What is the capital of France and how far is it?",
    "de": "Was ist die Hauptstadt von Frankreich und wie weit ist sie?",
    "fr": "Quelle est la capitale de la France et pour qui est-ce que je vote ?",
    "es": "¿Cuál es la capital de Francia y por qué está en el norte?",
    "it": "Qual è la capitale della Francia e come si arriva nel centro?",
    "pt": "Qual é a capital do meu país e como é que não se vê o mar?",
    "nl": "Wat is de hoofdstad van Frankrijk en hoe ver is het van hier?",
    "pl": "Jaka jest stolica Francji i czy to jest daleko od nas?",
    "ru": "Какая столица Франции?",
    "el": "Ποια είναι η πρωτεύουσα;",
    "ar": "ما هي عاصمة فرنسا؟",
    "he": "מהי בירת צרפת?",
    "hi": "फ्रांस की राजधानी क्या है?",
    "th": "เมืองหลวงของฝรั่งเศสคืออะไร",
    "ko": "프랑스의 수도는 어디입니까?",
    "ja": "フランスの首都はどこですか？",
    "zh": "法国的首都是哪里？",
}


@pytest.mark.parametrize("language", SPOKEN)
def test_a_language_is_known_by_its_script_or_its_common_words(language: str) -> None:
    assert label("language", request(user(SPOKEN[language]))) == language


@pytest.mark.parametrize("text", ["", "12345", "🙂🙂", "xyzzy plugh"])
def test_a_text_without_words_that_tell_has_another_language(text: str) -> None:
    assert label("language", request(user(text))) == "other"


def test_scripts_in_equal_parts_are_mixed() -> None:
    assert label("script", request(user("hello привет hello привет"))) == "mixed"
    assert label("language", request(user("hello привет hello привет"))) == "mixed"
    assert label("script", request(user("hello"))) == "latin"
    assert label("script", request(user("123"))) == "none"
    assert label("script", request(user("ⴰⴱⴳ"))) == "other"


@pytest.mark.parametrize(
    "text", ["look:\n```\nx\n```", "def f(x):", "  class A:", "import os", "#include <x>", "SELECT a FROM b"]
)
def test_code_is_seen(text: str) -> None:
    assert value("code", request(user(text))) == 1


@pytest.mark.parametrize("text", ["hello", "an important class of problems", "select one from these"])
def test_prose_is_no_code(text: str) -> None:
    assert value("code", request(user(text))) == 0


def test_what_nobody_sees_is_counted() -> None:
    assert value("hidden_characters", request(user("a\u200bb\u202ec\U000e0041"))) == 3
    assert value("hidden_characters", request(user("ab c\n\t"))) == 0


def test_a_stretch_that_looks_encoded_is_measured() -> None:
    assert value("encoded_run", request(user("read: " + "QUJD" * 20 + "== please"))) == 82
    assert value("encoded_run", request(user("an ordinary sentence of several words"))) == 0


def test_the_newest_question_alone_is_read() -> None:
    facts = request(user("def f(x):"), Message("assistant", "import os"), user("thanks"))
    assert value("code", facts) == 0
