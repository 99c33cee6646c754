"""Options that several services take; `--option KEY=VALUE` is for the settings that have none of their own."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from cli.door import WrongUse

if TYPE_CHECKING:
    from router.settings import Settings

Options = Annotated[
    list[str] | None,
    typer.Option(
        "--option", metavar="KEY=VALUE", help="Any other setting; an unknown key lists them. May be repeated."
    ),
]
MetricsPort = Annotated[
    int | None, typer.Option(help="Serve /metrics on this port; 0 takes a free one; not served when left out.")
]
Switching = Annotated[
    str,
    typer.Option(metavar="fixed|told|switched", help="Switch replicas' roles as traffic changes, or only say so."),
]


def pairs(given: Iterable[str], names: Collection[str]) -> dict[str, str]:
    """Values as they were written, by key; raises `WrongUse` for a key that is none of `names`."""
    from policies.registry import known

    found = {}
    for each in given:
        key, equals, value = each.partition("=")
        if not equals:
            raise WrongUse(f"--option {each}: write --option key=value")
        if key not in names:
            raise WrongUse(f"--option {each}: there is no setting {key!r}: {known(key, list(names))}")
        found[key] = value
    return found


def optioned(settings: "Settings", given: Iterable[str]) -> "Settings":
    """A router's settings with these in place; raises `WrongUse` for a value that is none."""
    import msgspec

    from router.handover.port import wire_named
    from router.settings import FREE, MAY_BE_ZERO, Settings

    for key, text in pairs(given, FREE).items():
        try:
            value = getattr(msgspec.convert({key: text}, Settings, strict=False), key)
        except msgspec.ValidationError as error:
            wanted = str(error).partition(" - at")[0].replace("`", "").lower()
            raise WrongUse(f"--option {key}={text}: {wanted}") from None
        least = "0 or more" if key in MAY_BE_ZERO else "above 0"
        if not isinstance(value, (bool, str)) and not (value > 0 or (value == 0 and key in MAY_BE_ZERO)):
            raise WrongUse(f"--option {key}={text}: give a number {least}")
        settings = replace(settings, **{key: value})
    try:
        wire_named(settings.hand_over)
    except ValueError as unknown:
        raise WrongUse(f"--option {unknown}") from None
    return settings
