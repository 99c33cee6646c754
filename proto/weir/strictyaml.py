"""YAML files read into pydantic models; what is wrong with one is said in a sentence that names file, line and key."""

import json
import re
from pathlib import Path
from typing import TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from policies.registry import known

M = TypeVar("M", bound=BaseModel)
Place = tuple[int | str, ...]

MOST_VALUES = 100_000  # aliases of aliases could otherwise unfold without end
MOST_SAID = 5  # problems of one file listed in one message
CORE = "tag:yaml.org,2002:"


class BadFile(ValueError):
    """A file that cannot be used; the message has one line per problem, each naming file, line and key."""


class Core(yaml.SafeLoader):
    """YAML 1.2's core types: `no` is text, `1e-3` a number, `2024-01-01` text, `10:20` text, and so is `.nan`."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 (a class attribute of yaml's own)


Core.add_implicit_resolver(f"{CORE}null", re.compile(r"^(~|null|Null|NULL|)$"), ["~", "n", "N", ""])
Core.add_implicit_resolver(f"{CORE}bool", re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
Core.add_implicit_resolver(f"{CORE}int", re.compile(r"^[-+]?(0|[1-9][0-9_]*)$"), list("-+0123456789"))
Core.add_implicit_resolver(
    f"{CORE}float",
    re.compile(r"^[-+]?(\.[0-9]+|(0|[1-9][0-9_]*)\.[0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?$"),
    list("-+.0123456789"),
)


def load(path: Path, model: type[M]) -> M:
    """The file at `path` as a `model`; raises `BadFile`."""
    return loads(text_of(path), model, str(path))


def loads(text: str, model: type[M], name: str) -> M:
    """YAML text as a `model`, errors naming the file `name`; raises `BadFile`."""
    document = Document(text, name)
    if document.value is None:
        raise BadFile(f"{name} is empty: known keys: {', '.join(_keys_of(model))}")
    try:
        return model.model_validate_json(json.dumps(document.value), strict=True)
    except ValidationError as error:
        raise BadFile(_say(document, model, error)) from None


def text_of(path: Path) -> str:
    """The text of the file at `path`; raises `BadFile`."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise BadFile(f"{path}: no such file") from None
    except IsADirectoryError:
        raise BadFile(f"{path} is a folder, not a file") from None
    except OSError as error:
        raise BadFile(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadFile(f"{path}:{line}: is not UTF-8 text: save it in that encoding") from None


class Document:
    """A YAML text as plain values, and the line that each of them stands on."""

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self.lines: dict[Place, int] = {(): 1}
        self._text, self._left = text, MOST_VALUES
        try:
            loader = Core(text)
            root = loader.get_single_node()
            self.value = None if root is None else self._plain(loader, root, ())
        except yaml.MarkedYAMLError as error:
            raise BadFile(self._syntax(error)) from None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise BadFile(f"{name}:{line}: holds a character that YAML forbids (code {error.character})") from None
        except RecursionError:
            raise BadFile(f"{name} is nested too deeply, or a part of it refers to itself") from None

    def known(self, place: Place) -> Place:
        """What of `place` the text has: pydantic adds the arms of unions to it, and keys that are missing."""
        here: Place = ()
        for part in place:
            if (*here, part) in self.lines:
                here = (*here, part)
        return here

    def _plain(self, loader: Core, node: yaml.Node, place: Place) -> object:
        self._left -= 1
        if self._left < 0:
            raise BadFile(f"{self.name}:{_line(node)}: unfolds to over {MOST_VALUES:,} values: use fewer aliases")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(loader, node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self._item(loader, item, (*place, i)) for i, item in enumerate(node.value)]
        return self._scalar(loader, node)

    def _item(self, loader: Core, node: yaml.Node, place: Place) -> object:
        self.lines[place] = _line(node)
        return self._plain(loader, node, place)

    def _mapping(self, loader: Core, node: yaml.MappingNode, place: Place) -> dict[str, object]:
        out: dict[str, object] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise BadFile(f"{self.name}:{_line(key)}: a key must be one word, not a list or mapping")
            if key.value in out:
                first = self.lines[*place, key.value]
                raise BadFile(f"{self.name}:{_line(key)}: key {key.value!r} stands twice, first on line {first}")
            self.lines[*place, key.value] = _line(key)
            out[key.value] = self._plain(loader, value, (*place, key.value))
        return out

    def _scalar(self, loader: Core, node: yaml.Node) -> object:
        if node.tag.removeprefix(CORE) not in ("null", "bool", "int", "float", "str"):
            raise BadFile(f"{self.name}:{_line(node)}: the tag {node.tag} is not understood: write a plain value")
        try:
            return loader.construct_object(node)
        except ValueError:
            raise BadFile(f"{self.name}:{_line(node)}: {node.value[:20]!r} is not a usable value") from None

    def _syntax(self, error: yaml.MarkedYAMLError) -> str:
        mark = error.problem_mark or error.context_mark
        number = mark.line + 1 if mark else 1
        source = self._text.splitlines()[number - 1 : number] or [""]
        if "\t" in source[0][: len(source[0]) - len(source[0].lstrip())]:
            return f"{self.name}:{number}: is indented with a tab: YAML wants spaces"
        return f"{self.name}:{number}: is not valid YAML: {error.problem}"


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _say(document: Document, model: type[BaseModel], error: ValidationError) -> str:
    """One line per problem, in the order of the file."""
    places = [(document.known(one["loc"]), one) for one in error.errors(include_url=False)]
    found = sorted({(document.lines[place], _words(model, place, one)) for place, one in places})
    lines = [f"{document.name}:{line}: {words}" for line, words in found[:MOST_SAID]]
    more = len(found) - MOST_SAID
    return "\n".join([*lines, f"... and {more} more"] if more > 0 else lines)


WANTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping of keys",
    "model_type": "a mapping of keys",
}


def _words(model: type[BaseModel], place: Place, error: ErrorDetails) -> str:
    kind, full, value = error["type"], error["loc"], error["input"]
    key = dotted(place)
    if kind == "extra_forbidden":
        return f"unknown key {key!r}: {known(str(full[-1]), _keys_at(model, full[:-1]))}"
    if kind == "missing":
        return f"key {dotted((*place, full[-1]))!r} is missing"
    if kind == "value_error":
        said = error["msg"].removeprefix("Value error, ")
        return f"{key}: {said}" if key else said
    subject = key or "the file"
    if kind == "string_type":
        return f"{subject} must be text, not {_shown(value)}: put it in quotes"
    if kind in WANTED:
        return f"{subject} must be {WANTED[kind]}, not {_shown(value)}"
    said = re.sub(r"^\w+ (should|must) ", "must ", error["msg"]).replace(" after validation", "")
    return f"{subject} {said}" if ", not" in said else f"{subject} {said}, not {_shown(value)}"


def dotted(place: Place) -> str:
    """A place in words: `pools[0].engine.block_size`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping of keys"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    shown = str(value).lower() if isinstance(value, bool) else repr(value)
    return shown if len(shown) <= 40 else shown[:37] + "..."


def _keys_of(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _keys_at(kind: object, place: Place) -> list[str]:
    """The keys known at `place` inside a type: through models, lists, mappings, and every arm of a union."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if not place:
            return _keys_of(kind)
        for name, field in kind.model_fields.items():
            if place[0] in (name, field.alias):
                return _keys_at(field.annotation, place[1:])
        return _keys_at(kind, place[1:])  # pydantic puts a union's arm into the place
    holds = get_origin(kind) in (list, tuple, dict, set, frozenset)
    inner = place[1:] if holds else place
    return list(dict.fromkeys(key for arm in get_args(kind) for key in _keys_at(arm, inner)))
