"""Which rules choose a model for requests that name none: the options', or the fleet file's."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weir.fleetfile import Select


def selection(fleet: Path | None, rules: Path | None, heads: Path | None) -> "Select | None":
    """How models are chosen: as the options say, and as the fleet file says where they do not."""
    from weir.fleetfile import Select, read_fleet

    told = read_fleet(fleet).select if fleet is not None else None
    if rules is None and told is None:
        return None
    if fleet is not None and told is not None:
        beside = {"rules": str(fleet.parent / told.rules)} | (
            {"heads": str(fleet.parent / told.heads)} if told.heads else {}
        )
        told = told.model_copy(update=beside)
    told = told or Select(rules=str(rules))
    given = {"rules": rules, "heads": heads}
    return told.model_copy(update={key: str(path) for key, path in given.items() if path is not None})


def selecting(fleet: Path) -> list[str]:
    """The options of `weir router` that stand for a fleet file's section."""
    told = selection(fleet, None, None)
    if told is None:
        return []
    heads = ["--heads", told.heads] if told.heads else []
    return ["--rules", told.rules, *heads, "--classifier-deadline", str(told.deadline_s)]
