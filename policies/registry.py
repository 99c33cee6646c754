"""Registries by folder: a file dropped into a package registers itself, and its name is the file's stem."""

import dataclasses
import difflib
import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

T = TypeVar("T")
MOST_NEAR = 3  # names that are suggested


class UnknownName(LookupError):
    """A name that no file registered; the message lists the known ones."""


class BadSetting(ValueError):
    """A setting that the thing does not have, or of the wrong type; the message lists the known ones."""


def known(name: str, names: list[str]) -> str:
    """The tail of an error message: the nearest known names, then all of them. Who wrote a beginning meant its end."""
    begun = sorted(each for each in names if name and each.startswith(name))[:MOST_NEAR]
    near = begun or difflib.get_close_matches(name, names, 1)
    hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
    return f"{hint}known: {', '.join(sorted(names))}"


class Registry(Generic[T]):
    """Named things of one kind, found by importing every module of some packages; one name space over them all."""

    def __init__(self, kind: str, *packages: str) -> None:
        self.kind, self.packages = kind, packages
        self._things: dict[str, T] = {}
        self._complete = False

    def register(self, thing: T) -> T:
        """Enter a class or function under its module's stem; a second one of that name is an error."""
        name = str(getattr(thing, "__module__")).rpartition(".")[2]  # noqa: B009 (T is not bound to a type)
        if name in self._things:
            raise ValueError(
                f"two {self.kind}s named {name}: one file holds one {self.kind}, and no two files share a stem"
            )
        self._things[name] = thing
        return thing

    def names(self) -> list[str]:
        """Every registered name, sorted."""
        self._load()
        return sorted(self._things)

    def __iter__(self) -> Iterator[T]:
        return iter([self._things[name] for name in self.names()])

    def __getitem__(self, name: str) -> T:
        if name not in self._things and not self._complete and name.isidentifier():
            self._load_one(name)
        try:
            return self._things[name]
        except KeyError:
            raise UnknownName(f"no {self.kind} {name!r}: {known(name, self.names())}") from None

    def _load_one(self, name: str) -> None:
        """Import the one module of that stem: a process that wants one thing need not hold them all in memory."""
        for package in self.packages:
            importlib.import_module(package)
            if importlib.util.find_spec(f"{package}.{name}"):
                importlib.import_module(f"{package}.{name}")

    def _load(self) -> None:
        if self._complete:
            return
        for name in self.packages:
            package = importlib.import_module(name)
            for module in pkgutil.iter_modules(package.__path__):
                importlib.import_module(f"{name}.{module.name}")
        self._complete = True


def strict(make: Callable[..., T], what: str, settings: Mapping[str, Any]) -> T:
    """Build a dataclass from settings; an unknown key or a value of another type is a `BadSetting`."""
    fields = {field.name: field for field in dataclasses.fields(make)}  # type: ignore[arg-type]
    for key, value in settings.items():
        if key not in fields:
            raise BadSetting(f"{what} has no setting {key!r}: {known(key, list(fields)) if fields else 'it has none'}")
        _check_type(what, fields[key], value)
    return make(**settings)


def _check_type(what: str, field: "dataclasses.Field[Any]", value: object) -> None:
    wanted = (
        field.type if isinstance(field.type, type) else {"float": float, "int": int, "str": str}.get(str(field.type))
    )
    accepted = (int, float) if wanted is float else wanted
    if accepted is not None and (not isinstance(value, accepted) or (isinstance(value, bool) and wanted is not bool)):
        raise BadSetting(f"{what}: {field.name} must be {getattr(wanted, '__name__', wanted)}, not {value!r}")
