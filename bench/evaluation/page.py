"""docs/evaluation.md: every claim of signals, heads, bandits and model choice with interval, command and curve."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.results import DOCS, Kept, bound, read, shown, verdict

SLUGS = (
    "route-two", "route-many", "route-mixed", "route-arena", "online", "intents", "domain", "guard", "pii",
    "out-length", "ope", "classify-latency", "joint", "difficulty",
)  # fmt: skip
"""What `make eval` measures, in the order of the page."""

PICTURES: Mapping[str, tuple[str, str]] = {
    "route-two": (
        "route-two.svg",
        "Share of the strong model's lead recovered, over strong calls",
    ),
    "route-many": (
        "route-many.svg",
        "Accuracy over cost, beside best single, random, neighbours and oracle",
    ),
    "online": ("online.svg", "Right answers lost since the best model got worse"),
}
SUFFIXES = ("_interval", "_95", "_ci95")
NAMED = {"cheaper_share": "cheaper_ci95"}
OPENING = """# Evaluation

Every claim of understanding requests and of learning which model, as last measured. `make eval` measures them all, one
after another, and draws the pictures; `make show NAME=slug` measures one; `DATA=folder` takes another folder of the
same layout, whose rows are then tested and the open ones teach. Brackets hold the middle 95 %. What the figures mean
and where they fall short: [classifiers](classifiers.md), [learning](learning.md),
[model selection](model-selection.md), [rules](rules.md).
"""


def write(docs: Path = DOCS) -> None:
    """Write the page anew from what is recorded."""
    (docs / "evaluation.md").write_text(page(read(docs)))


def page(kept: Kept) -> str:
    """The whole page."""
    return "\n".join([OPENING, *(line for name in SLUGS for line in _section(name, kept.get(name)))])


def _section(name: str, run: dict[str, Any] | None) -> Iterator[str]:
    yield f"## {name}\n"
    if run is None:
        yield f"Not measured yet: `make show NAME={name}`.\n"
    else:
        told = f"{verdict(run).capitalize()} on {run['at']}, {run['machine']}, commit {run['commit']}"
        yield f"{told}: `make show NAME={name}`, {run['seconds']:g} s.\n"
        yield "| figure | found | 95 % | target |\n|---|---|---|---|"
        for figure, wanted in run["target"].items():
            value, around = run["figures"].get(figure), interval_of(figure, run["figures"])
            yield f"| {figure} | {shown(value)} | {around} | {bound(wanted)} |"
        yield ""
    if name in PICTURES:
        file, says = PICTURES[name]
        yield f"![{says}](pictures/{file})\n"


def interval_of(figure: str, figures: Mapping[str, Any]) -> str:
    """A figure's interval as the page shows it; empty where it has none."""
    found = next((figures[name] for name in _names(figure) if figures.get(name) is not None), None)
    return "" if found is None else f"[{shown(float(found[0]))}, {shown(float(found[1]))}]"


def _names(figure: str) -> list[str]:
    return [*([NAMED[figure]] if figure in NAMED else []), *(f"{figure}{suffix}" for suffix in SUFFIXES)]
