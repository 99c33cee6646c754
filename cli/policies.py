"""`weir policies`: the routing policies and their settings."""

from typing import Any

from cli.output import Json


def policies(json_to: Json = "") -> None:
    """List the routing policies, whose each is, what it does, and its settings with their defaults."""
    from rich.table import Table

    from cli.output import console, write_json

    known = _known()
    write_json(json_to, known)
    if json_to == "-":
        return
    table = Table("policy", "whose", "what it does", "settings (default)")
    for each in known:
        settings = "\n".join(f"{name} = {value:g}" for name, value in each["settings"].items())
        table.add_row(each["name"], each["origin"], each["doc"], settings)
    console().print(table)


def _known() -> list[dict[str, Any]]:
    from dataclasses import fields
    from inspect import getdoc, getmodule

    from policies.policy import ROUTES

    return [
        {
            "name": policy.name(),
            "origin": policy.origin,
            "doc": (getdoc(getmodule(policy)) or "").partition("\n")[0],
            "settings": {field.name: field.default for field in fields(policy)},  # type: ignore[arg-type]
        }
        for policy in ROUTES
    ]
