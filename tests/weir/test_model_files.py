"""A model's folder turns requests into the engine's tokens; the expected prompts were rendered by transformers 5.23."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.weir.model_folder import CHATML, trained, user, write
from weir.conversation import NotReproducible
from weir.model_files import ModelFiles
from weir.tokenizer import UnknownTokenizer, tokenizer

pytest.importorskip("tokenizers")
pytest.importorskip("jinja2")

TOOLS = [
    {"type": "function", "function": {"name": "weather", "description": "of a <b>town</b>", "parameters": {"x": "é"}}},
    {"type": "function", "function": {"name": "time"}},
]
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"town": "Zürich"}'}}


@pytest.fixture
def files(tmp_path: Path) -> ModelFiles:
    return ModelFiles(write(tmp_path / "m"))


def of(tmp_path: Path, template: str, **config: Any) -> ModelFiles:
    return ModelFiles(write(tmp_path / "of", template, **config))


def chat(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": list(messages or (user("hello world"),)), **more}


def test_a_chat_is_rendered_open_for_the_answer_and_tokenised_as_a_whole(files: ModelFiles) -> None:
    asked = chat({"role": "system", "content": "be brief"}, user("hello"))
    text = "<|im_start|>system\nbe brief<|im_end|>\n<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n"
    assert files.render(asked) == text
    assert files.tokens(asked).tolist() == trained().encode(text).ids == files.encode(text)


@pytest.mark.parametrize(("more", "end"), [
    ({"add_generation_prompt": False}, "assistant\nIt is  <|im_end|>\n"),
    ({"add_generation_prompt": False, "continue_final_message": True}, "assistant\nIt is  "),
    ({"add_generation_prompt": None}, "assistant\n"),
])  # fmt: skip
def test_the_end_of_a_chat_is_as_the_request_wants_it(files: ModelFiles, more: dict[str, Any], end: str) -> None:
    assert files.render(chat(user("a"), {"role": "assistant", "content": "It is  "}, **more)).endswith(end)


def test_a_continued_message_that_the_template_trims_ends_trimmed(tmp_path: Path) -> None:
    trims = of(tmp_path, "{% for m in messages %}[{{ m.content | trim }}]{% endfor %}")
    more = {"add_generation_prompt": False, "continue_final_message": True}
    assert trims.render(chat({"role": "assistant", "content": "It is  "}, **more)) == "[It is"


def test_parts_are_joined_by_lines_where_the_template_wants_text(files: ModelFiles) -> None:
    parts = [{"type": "text", "text": "a"}, "b", {"type": "refusal", "refusal": "c"}, {"type": "text", "text": None}]
    assert "user\na\nb\nc<|im_end|>" in files.render(chat({"role": "user", "content": parts}))


def test_parts_stay_parts_where_the_template_goes_over_them(tmp_path: Path) -> None:
    loops = of(
        tmp_path,
        "{% for m in messages %}{% for c in m['content'] %}({{ c.type }} {{ c.text }}){% endfor %}{% endfor %}",
    )
    parts = [{"type": "input_text", "text": "a"}, "b"]
    assert loops.render(chat(user("x"), {"role": "user", "content": parts})) == "(text x)(text a)(text b)"


def test_tools_reach_the_template_with_the_fields_of_the_engines_models(tmp_path: Path) -> None:
    told = of(tmp_path, "{{ tools | tojson }}").render(chat(tools=TOOLS))
    assert told == (
        '[{"type": "function", "function": {"name": "weather", "description": "of a <b>town</b>", "parameters": '
        '{"x": "é"}}}, {"type": "function", "function": {"name": "time", "description": null, "parameters": null}}]'
    )


def test_tool_calls_carry_their_arguments_as_an_object(tmp_path: Path) -> None:
    shown = of(
        tmp_path, "{% for m in messages %}{{ m.tool_calls | tojson if m.tool_calls }}{{ m.content }}{% endfor %}"
    )
    answer = {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "sunny"}]}
    told = shown.render(chat({"role": "assistant", "content": None, "tool_calls": [CALL]}, answer))
    call = '{"id": "c1", "function": {"arguments": {"town": "Zürich"}, "name": "weather"}, "type": "function"}'
    assert told == f"[{call}]sunny"


def test_the_requests_settings_reach_the_variables_that_the_template_reads(tmp_path: Path) -> None:
    reads = of(tmp_path, "{{ enable_thinking }}|{{ reasoning_effort }}|{{ bos_token }}|{{ eos_token }}|{{ pad_token }}")
    assert reads.render(chat(reasoning_effort="none", chat_template_kwargs={"unread": 1})) == "False|none|<s>|</s>|"
    assert reads.render(chat(chat_template_kwargs={"enable_thinking": True})) == "True||<s>|</s>|"


def test_a_template_has_the_clock_and_the_namespaces_of_hugging_faces(tmp_path: Path) -> None:
    template = (
        "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% if ns.n == 2 %}{% break %}"
        "{% endif %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}{{ dict(a=1) }}"
        "{{ strftime_now('%Y') }}"
    )
    assert of(tmp_path, template).render(chat(user("x"), user("y"))) == f"x{{'a': 1}}{datetime.now():%Y}"


def test_reasoning_is_known_by_every_name(tmp_path: Path) -> None:
    named = of(
        tmp_path, "{% for m in messages %}{{ m.thinking }}{{ m.reasoning }}{{ m.reasoning_content }}{% endfor %}"
    )
    for name in ("reasoning", "reasoning_content"):
        assert named.render(chat({"role": "assistant", "content": "x", name: "r"})) == "rrr"


def test_a_developer_is_the_system_where_the_template_knows_none(files: ModelFiles) -> None:
    told = files.render(chat({"role": "developer", "content": "a"}, user("x"), {"role": "system", "content": "b"}))
    assert told.startswith("<|im_start|>system\na\n\nb<|im_end|>\n<|im_start|>user\nx<|im_end|>")


def test_a_developer_is_one_where_the_template_says_so(tmp_path: Path) -> None:
    knows = of(tmp_path, "{% for m in messages %}{{ 'dev' if m.role == 'developer' else m.role }}{% endfor %}")
    assert knows.render(chat({"role": "developer", "content": "a"})) == "dev"


def test_a_line_that_changes_with_every_request_is_left_out_of_the_system_prompt(files: ModelFiles) -> None:
    billed = {"role": "system", "content": "x-anthropic-billing-header: 1\nbe brief"}
    assert files.render(chat(billed)).startswith("<|im_start|>system\nbe brief<|im_end|>")
    assert files.render(chat({**billed, "content": [billed["content"][:27]]})).startswith(
        "<|im_start|>system\n<|im_end|>"
    )


def test_a_completion_has_the_special_tokens_of_the_tokenizer(tmp_path: Path) -> None:
    plain = trained().encode("hello world").ids
    assert of(tmp_path, CHATML).tokens({"prompt": "hello world"}).tolist() == plain
    begins = of(tmp_path, CHATML, add_bos_token=True)
    assert begins.tokens({"prompt": ["hello world"]}).tolist() == [0, *plain]
    assert begins.tokens({"prompt": "hello world", "add_special_tokens": False}).tolist() == plain
    ends = of(tmp_path, CHATML, add_bos_token=False, add_eos_token=True)
    assert ends.tokens({"prompt": "hello world"}).tolist() == [*plain, 1]


def test_a_chat_asks_for_special_tokens_itself(tmp_path: Path) -> None:
    begins = of(tmp_path, CHATML, add_bos_token=True)
    assert begins.tokens(chat(add_special_tokens=True)).tolist() == [0, *begins.tokens(chat()).tolist()]


IMAGE = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}


@pytest.mark.parametrize(("asked", "why"), [
    (chat(IMAGE), "image_url content"), (chat(chat_template="{{ 1 }}"), "chat_template"),
    (chat(truncate_prompt_tokens=3), "truncate_prompt_tokens"), ({"prompt": ["a", "b"]}, "several prompts"),
    ({"prompt": "a", "suffix": "b"}, "suffix"), (chat(continue_final_message=True), "contradictory settings"),
    (chat(tools="x"), "fields"), (chat(tools=[{"type": "custom", "function": {"name": "x"}}]), "custom tool"),
    (chat({"role": "assistant", "tool_calls": [{"type": "custom"}]}), "tool call"), ({"messages": [3]}, "fields"),
    (chat({"role": "user", "content": [{"text": "untyped"}]}), "untyped content"), (chat({"content": "x"}), "fields"),
    (chat(chat_template_kwargs=3), "fields"),
])  # fmt: skip
def test_what_only_the_engine_can_make_is_named(files: ModelFiles, asked: dict[str, Any], why: str) -> None:
    with pytest.raises(NotReproducible) as told:
        files.tokens(asked)
    assert str(told.value) == why


@pytest.mark.parametrize(("template", "why"), [
    ("{{ raise_exception('no') }}", "template"), ("{% for", "unreadable template"),
    ("{{ messages.append(1) }}", "template"),
    ("{{ ''.__class__.__mro__ }}", "template"), ("{% set ns = namespace() %}{% set ns._x = 1 %}", "template"),
    ("{{ nothing | tojson }}", "fields"), ("{{ 1 / 0 }}", "fields"),
])  # fmt: skip
def test_a_template_that_fails_leaves_the_prompt_to_the_engine(tmp_path: Path, template: str, why: str) -> None:
    with pytest.raises(NotReproducible) as told:
        of(tmp_path, template).tokens(chat())
    assert str(told.value) == why


def test_half_of_a_surrogate_pair_is_no_text(files: ModelFiles) -> None:
    for asked in (chat(user("a\ud800")), {"prompt": "\udfff"}):
        with pytest.raises(UnicodeError):
            files.tokens(asked)


def test_templates_are_found_wherever_models_keep_them(tmp_path: Path) -> None:
    named = [{"name": "default", "template": "d"}, {"name": "tool_use", "template": "t"}]
    several = ModelFiles(write(tmp_path / "a", None, chat_template=named))
    assert (several.render(chat()), several.render(chat(tools=TOOLS))) == ("d", "t")
    assert ModelFiles(write(tmp_path / "b", None, chat_template="c")).render(chat()) == "c"
    assert ModelFiles(write(tmp_path / "c", "own", chat_template="c")).render(chat()) == "own"
    (tmp_path / "given.jinja").write_text("given")
    assert ModelFiles(write(tmp_path / "d", "own"), str(tmp_path / "given.jinja")).render(chat()) == "given"
    (write(tmp_path / "e", None) / "chat_template.json").write_text('{"chat_template": "processor"}')
    assert ModelFiles(tmp_path / "e").render(chat()) == "processor"


def test_a_family_stands_in_for_a_template_that_is_missing(tmp_path: Path) -> None:
    bare = write(tmp_path / "bare", None)
    assert ModelFiles(bare, "chatml").render(chat()).startswith("<|im_start|>user\nhello world<|im_end|>")
    for unknown, more in (("", {}), ("chatml", {"tools": TOOLS})):
        with pytest.raises(NotReproducible, match="no chat template"):
            ModelFiles(bare, unknown).tokens(chat(**more))


def test_a_folder_is_a_tokenizer_by_its_path(tmp_path: Path) -> None:
    assert isinstance(tokenizer(str(write(tmp_path / "m"))), ModelFiles)
    file = tokenizer(str(tmp_path / "m" / "tokenizer.json"))
    assert file.encode("<s>hello") == trained().encode("<s>hello").ids


@pytest.mark.parametrize("name", ["", "nothing/there"])
def test_what_is_no_tokenizer_is_named(name: str) -> None:
    with pytest.raises(UnknownTokenizer, match="give one of llama3"):
        tokenizer(name)


def test_a_configuration_that_cannot_be_read_is_an_unknown_tokenizer(tmp_path: Path) -> None:
    (write(tmp_path / "m") / "tokenizer_config.json").write_text("{")
    with pytest.raises(UnknownTokenizer, match="cannot be read"):
        tokenizer(str(tmp_path / "m"))


def test_lengths_and_padding_of_the_tokenizers_file_are_not_applied(tmp_path: Path) -> None:
    folder, cut = write(tmp_path / "m"), trained()
    cut.enable_truncation(2)
    cut.enable_padding(length=50)
    cut.save(str(folder / "tokenizer.json"))
    assert ModelFiles(folder).encode("hello world, hello") == trained().encode("hello world, hello").ids
