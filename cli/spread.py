"""Options as values: a command's dataclass parameter stands for one option per field."""

from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the fields of its dataclass parameters as options, in their place; required ones come first."""
    hints = get_type_hints(command, include_extras=True)
    own = [each.replace(annotation=hints[each.name]) for each in signature(command).parameters.values()]
    kinds = {each.name: each.annotation for each in own}
    values = {name: kind for name, kind in kinds.items() if isinstance(kind, type) and is_dataclass(kind)}
    options = [option for each in own for option in (_options(values[each.name]) if each.name in values else [each])]
    required = [each for each in options if each.default is Parameter.empty]
    optional = [each for each in options if each.default is not Parameter.empty]

    @wraps(command)
    def gathered(**given: Any) -> None:
        made = {
            name: kind(**{each.name: given.pop(each.name) for each in fields(kind)}) for name, kind in values.items()
        }
        command(**made, **given)

    gathered.__signature__ = Signature(  # type: ignore[attr-defined]
        [each.replace(kind=Parameter.KEYWORD_ONLY) for each in (*required, *optional)]
    )
    gathered.__annotations__ = {each.name: each.annotation for each in options}
    return gathered


def _options(kind: Any) -> list[Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    return [
        Parameter(each.name, Parameter.KEYWORD_ONLY, default=_default(each), annotation=hints[each.name])
        for each in fields(kind)
    ]


def _default(each: "Field[Any]") -> Any:
    return Parameter.empty if each.default is MISSING else each.default
