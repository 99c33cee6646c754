"""The policy and its settings as options give them."""

from collections.abc import Iterable
from typing import Annotated

import typer

from cli.door import WrongUse

Policy = Annotated[str, typer.Option(help="Routing policy; `weir policies` lists them.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting of the policy; may be repeated.")
]


def checked(policy: str, given: Iterable[str]) -> tuple[tuple[str, float], ...]:
    """Settings as pairs, known to fit the policy; raises `UnknownName`, `BadSetting` or `WrongUse`."""
    from policies.policy import routing

    settings = pairs("--set", given)
    routing(policy, dict(settings))
    return settings


def pairs(option: str, given: Iterable[str]) -> tuple[tuple[str, float], ...]:
    """An option's KEY=VALUE words as pairs; raises `WrongUse`."""
    return tuple(_pair(option, each) for each in given)


def _pair(option: str, given: str) -> tuple[str, float]:
    key, equals, value = given.partition("=")
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not equals or not key or number != number:
        raise WrongUse(f"{option} {given}: write {option} key=number")
    return key.strip(), number
