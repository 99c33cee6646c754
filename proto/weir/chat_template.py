"""A model's own Jinja chat template, rendered as Hugging Face's `apply_chat_template` does: what vLLM calls."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from jinja2 import TemplateError, Undefined, meta, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from weir.content_format import reads_parts
from weir.conversation import NotReproducible

Message = dict[str, Any]

REASONING = ("reasoning_content", "thinking", "reasoning")  # the names under which a message's reasoning is passed
CONTINUED = "CONTINUE_FINAL_MESSAGE_TAG "
TAKEN_APART = frozenset(("add_generation_prompt", "continue_final_message", "tools", "documents"))


class ChatTemplate:
    """One template; `names` are the variables it reads. Raises `NotReproducible` where its text is no template."""

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._compiled = _environment().from_string(text)
            tree = _environment().parse(text)
        except TemplateError:
            raise NotReproducible("unreadable template") from None
        self.names = meta.find_undeclared_variables(tree)
        self.parts = reads_parts(tree)  # whether it goes over a content's parts itself
        self.takes_developer = '"developer"' in text or "'developer'" in text

    def render(
        self,
        messages: list[Message],
        tools: list[dict[str, Any]] | None,
        settings: Mapping[str, Any],
        special: Mapping[str, str],
    ) -> str:
        """The prompt; `settings` are the request's for the template.

        Raises `NotReproducible` for a request that the template does not like.
        """
        told = [_aliased({k: v for k, v in message.items() if v is not None}) for message in messages]
        if not self.takes_developer and any(message["role"] == "developer" for message in told):
            told = _systems_first([_as_system(message) for message in told])
        continued = settings.get("continue_final_message") or False
        last = _mark_last(told, continued, self.text) if continued else ""
        known = {k: v for k, v in settings.items() if k in self.names and k not in TAKEN_APART}
        known |= {"messages": told, "tools": tools, "documents": settings.get("documents")}
        known["add_generation_prompt"] = settings.get("add_generation_prompt", True)
        try:
            rendered = self._compiled.render({**special, **known})
        except TemplateError:
            raise NotReproducible("template") from None
        return _cut(rendered, last) if continued else rendered


@lru_cache(maxsize=64)
def chat_template(text: str) -> ChatTemplate:
    """The template of that text, compiled once."""
    return ChatTemplate(text)


class Generation(Extension):
    """The tag `generation`, which marks what the model said and prints it as it is."""

    tags = {"generation"}  # noqa: RUF012 (Jinja's own contract)

    def parse(self, parser: Parser) -> nodes.Node:
        """The block between the tag and its end."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_said"), [], [], body).set_lineno(line)

    def _said(self, caller: Callable[[], str]) -> str:
        return caller()


class _Dict:
    """What templates know as `dict`, without its attributes."""

    def __call__(self, *args: Any, **more: Any) -> dict[Any, Any]:
        return dict(*args, **more)

    def fromkeys(self, *args: Any) -> dict[Any, Any]:
        """As a dict's."""
        return dict.fromkeys(*args)


class _Namespace(Namespace):
    """Jinja's namespace without underscored names."""

    def __setitem__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            raise SecurityError(f"a template may not set {name!r}")
        super().__setitem__(name, value)


def _environment() -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    made.filters["tojson"] = _to_json
    made.globals.update(
        raise_exception=_raise, strftime_now=lambda form: datetime.now().strftime(form), dict=_Dict(),
        namespace=_Namespace,
    )  # fmt: skip
    return made


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    if isinstance(value, Undefined):
        raise TypeError("an undefined value has no JSON")
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise(message: str) -> None:
    raise TemplateError(message)


def _aliased(message: Message) -> Message:
    """Reasoning under every name that templates read."""
    reasoning = next((message[name] for name in REASONING if message.get(name) is not None), None)
    return message if reasoning is None else {"thinking": reasoning, **message, "reasoning_content": reasoning}


def _as_system(message: Message) -> Message:
    if message["role"] != "developer":
        return message
    return {**{k: v for k, v in message.items() if k != "tools"}, "role": "system"}


def _systems_first(messages: list[Message]) -> list[Message]:
    """One system message, the first; what there is of others follows in it."""
    systems = [i for i, message in enumerate(messages) if message["role"] == "system"]
    if systems in ([], [0]):
        return messages
    said = [_said(messages[i].get("content", "")) for i in systems]
    others = [message for message in messages if message["role"] != "system"]
    return [{"role": "system", "content": "\n\n".join(text for text in said if text)}, *others]


def _said(content: Any) -> str:
    if not isinstance(content, list):
        return str(content)
    return "\n".join(part["text"] for part in content if isinstance(part, dict) and "text" in part)


def _mark_last(messages: list[Message], field: Any, template: str) -> str:
    """Mark where the last message ends, and return its text; Hugging Face's own way of leaving it open."""
    field = field if isinstance(field, str) else "content"
    last = messages[-1] = dict(messages[-1])
    text = last[field]
    fields = [name for name in REASONING if last.get(name) == text] if field in REASONING else [field]
    if not any(name in template for name in fields):
        raise ValueError(f"the template does not read {field!r}")
    if isinstance(text, list):
        at = max(i for i, part in enumerate(text) if "text" in part)
        last[field] = [*text[:at], {**text[at], "text": text[at]["text"] + CONTINUED}, *text[at + 1 :]]
        return str(text[at]["text"])
    last.update(dict.fromkeys(fields, text + CONTINUED))
    return str(text)


def _cut(rendered: str, last: str) -> str:
    """The prompt up to the mark; where the template trimmed the message, the prompt is trimmed too."""
    mark = CONTINUED.strip()
    if last.strip() not in rendered or mark not in rendered:
        raise ValueError("the template leaves the last message out")
    at = rendered.rindex(mark)
    whole = rendered[at : at + len(CONTINUED)] == CONTINUED
    return rendered[:at] if whole else rendered[:at].rstrip()
