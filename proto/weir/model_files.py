"""A model's own tokenizer and chat template, read from its folder: requests become the very tokens that vLLM computes.

The folder is the model's: tokenizer.json, tokenizer_config.json, and a chat template in a file of its own or in the
configuration. Needs the `tokenizers` extra.
"""

import json
from array import array
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from weir.conversation import NotReproducible, conversation, tool_dicts
from weir.pieces import Added, Pieces, safe_cuts
from weir.prompt import TEMPLATES, render

SPECIAL = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
ELSEWHERE = ("chat_template", "truncate_prompt_tokens", "suffix", "prompt_embeds", "mm_processor_kwargs")
"""Fields with which the prompt is made in a way that only the engine knows."""
UNLIKE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError)
"""What fields of other types than an engine takes lead to; it will say what it does not like."""
PART_OF_SETTINGS = ("reasoning_effort", "documents")


class ModelFiles:
    """One model's tokenizer and template; `family` or the file `template` names stand in where the folder has none."""

    quick = False  # slower than an event loop has time for

    def __init__(self, folder: Path, template: str = "") -> None:
        import jinja2  # noqa: F401 (missing, it is to be missed now)
        from tokenizers import Tokenizer as Loaded

        self.folder = folder
        self._loaded = Loaded.from_file(str(folder / "tokenizer.json"))
        self._loaded.no_truncation()
        self._loaded.no_padding()
        self._config = _read(folder / "tokenizer_config.json")
        self.special = _special(self._config, _read(folder / "special_tokens_map.json"))
        self._templates = _templates(folder, self._config, template)
        self._family = template if template in TEMPLATES else ""
        self.pieces = Pieces(self._plain, safe_cuts(self._added()))

    def encode(self, text: str) -> list[int]:
        """The token ids of a rendered prompt."""
        return self.pieces.encode(text).tolist()

    def tokens(self, asked: Mapping[str, Any]) -> "array[int]":
        """The prompt of a request's body as the engine's tokens.

        Raises `NotReproducible` where only the engine can say, `UnicodeError` for text that is none.
        """
        for name in ELSEWHERE:
            if asked.get(name) is not None:
                raise NotReproducible(name)
        special = asked.get("add_special_tokens")
        if "messages" in asked:
            text = self._rendered(asked)
        else:
            text, special = _completion(asked), True if special is None else special
        text.encode()  # half of a surrogate pair is no text
        return array("I", self._with_special(text)) if special else self.pieces.encode(text)

    def render(self, asked: Mapping[str, Any]) -> str:
        """The prompt of a chat request's body."""
        tools = tool_dicts(asked.get("tools"))
        text = self._templates.get("tool_use" if tools is not None and "tool_use" in self._templates else "default")
        if text is None:
            return self._by_family(asked)
        from weir.chat_template import chat_template

        settings = _settings(asked)
        template = chat_template(text)
        return template.render(conversation(asked["messages"], template.parts), tools, settings, self.special)

    def _rendered(self, asked: Mapping[str, Any]) -> str:
        try:
            return self.render(asked)
        except NotReproducible:
            raise
        except UNLIKE:
            raise NotReproducible("fields") from None

    @cached_property
    def ends(self) -> tuple[list[int], list[int]] | None:
        """The tokens put before and after a completion's prompt, where the configuration says so; else None."""
        if "add_bos_token" not in self._config and "add_eos_token" not in self._config:
            return None
        return self._end("bos"), self._end("eos")

    def _end(self, name: str) -> list[int]:
        token = self.special.get(f"{name}_token")
        number = None if token is None else self._loaded.token_to_id(token)
        return [] if number is None or not self._config.get(f"add_{name}_token") else [number]

    def _with_special(self, text: str) -> list[int]:
        if self.ends is None:
            return self._loaded.encode(text, add_special_tokens=True).ids
        return [*self.ends[0], *self.pieces.encode(text), *self.ends[1]]

    def _plain(self, text: str) -> list[int]:
        return self._loaded.encode(text, add_special_tokens=False).ids

    def _added(self) -> list[Added]:
        every = self._loaded.get_added_tokens_decoder().values()
        return [
            Added(text=one.content, lstrip=one.lstrip, single_word=one.single_word, normalized=one.normalized)
            for one in every
        ]

    def _by_family(self, asked: Mapping[str, Any]) -> str:
        if not self._family or asked.get("tools") or not _settings(asked)["add_generation_prompt"]:
            raise NotReproducible("no chat template")
        said = conversation(asked["messages"], parts=False)
        return render([(message["role"], message["content"]) for message in said], self._family)


def _settings(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What a request says to the template, as vLLM puts it together."""
    given = asked.get("chat_template_kwargs") or {}
    opened, continued = asked.get("add_generation_prompt"), asked.get("continue_final_message")
    settings = {**given, "add_generation_prompt": opened is not False, "continue_final_message": continued is True}
    settings |= {name: asked[name] for name in PART_OF_SETTINGS if asked.get(name) is not None}
    if asked.get("reasoning_effort") is not None and "enable_thinking" not in given:
        settings["enable_thinking"] = asked["reasoning_effort"] != "none"
    if settings["add_generation_prompt"] and settings["continue_final_message"]:
        raise NotReproducible("contradictory settings")
    return settings


def _completion(asked: Mapping[str, Any]) -> str:
    prompt = asked.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise NotReproducible("several prompts")
    return prompt


def _special(config: Mapping[str, Any], legacy: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for name in SPECIAL:
        value = config.get(name) or legacy.get(name)
        text = value.get("content") if isinstance(value, Mapping) else value
        if isinstance(text, str):
            found[name] = text
    return found


def _templates(folder: Path, config: Mapping[str, Any], given: str) -> dict[str, str]:
    """The templates by name; one given as a file goes before all."""
    if given and given not in TEMPLATES and Path(given).is_file():
        return {"default": Path(given).read_text(encoding="utf-8")}
    found: dict[str, str] = {}
    for place in (config, _read(folder / "chat_template.json")):
        known = place.get("chat_template")
        if isinstance(known, str):
            found.setdefault("default", known)
        elif isinstance(known, Sequence):
            found |= {one["name"]: one["template"] for one in known}
    own = folder / "chat_template.jinja"
    more = sorted((folder / "additional_chat_templates").glob("*.jinja"))
    found |= {path.stem: path.read_text(encoding="utf-8") for path in more}
    return found | ({"default": own.read_text(encoding="utf-8")} if own.is_file() else {})


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    read = json.loads(path.read_text(encoding="utf-8"))
    return read if isinstance(read, dict) else {}
