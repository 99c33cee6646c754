"""Which rules choose a model for requests that name none: the options', or the fleet file's."""

from pathlib import Path
from typing import TYPE_CHECKING

from cli.door import WrongUse

if TYPE_CHECKING:
    from weir.fleetfile import Select


def selection(
    fleet: Path | None, rules: Path | None, heads: Path | None, deadline_s: float | None = None
) -> "Select | None":
    """How models are chosen: as the options say, and as the fleet file says where they do not; raises `WrongUse`."""
    from weir.fleetfile import Select, read_fleet

    told = read_fleet(fleet).select if fleet is not None else None
    if rules is None and told is None:
        if heads is not None or deadline_s is not None:
            raise WrongUse("--heads and --classifier-deadline go with rules: give --rules, or `select` in the file")
        return None
    if fleet is not None and told is not None:
        beside = {"rules": str(fleet.parent / told.rules)} | (
            {"heads": str(fleet.parent / told.heads)} if told.heads else {}
        )
        told = told.model_copy(update=beside)
    told = told or Select(rules=str(rules))
    given = {"rules": rules, "heads": heads}
    update: dict[str, object] = {key: str(path) for key, path in given.items() if path is not None}
    return told.model_copy(update=update | ({"deadline_s": deadline_s} if deadline_s else {}))


def selecting(fleet: Path) -> list[str]:
    """The options of `weir router` that stand for a fleet file's section."""
    told = selection(fleet, None, None)
    if told is None:
        return []
    heads = ["--heads", told.heads] if told.heads else []
    return ["--rules", told.rules, *heads, "--classifier-deadline", str(told.deadline_s)]
