"""A model card, written from what a head's evaluation found: nothing in it is typed by hand."""

from collections.abc import Mapping
from typing import Any

from router.classify.lengths import Lengths
from router.classify.linear import Linear

CAUTION = (
    "**Its examples were made from templates of this project.** The figures tell how well it knows those templates, "
    "not how well it reads people: treat its answers as hints until it is trained on judged requests."
)


def card(head: Linear, *, synthetic: bool = False) -> str:
    """The card of a head as Markdown."""
    found = head.card
    lines = [f"# {head.name}", "", f"A linear head on the {head.tier} tier, version {found.get('version', 'unnamed')}."]
    lines += ["", CAUTION] if synthetic else []
    lines += ["", "## Trained on", "", f"{found['examples']:,} examples of {len(head.labels)} labels"]
    lines[-1] += f" and {found['outside']:,} of none" if found["outside"] else ""
    lines[-1] += "; encoders " + ", ".join(sorted(head.encoders.values())) + "." if head.encoders else "."
    if torn := found.get("contradicted"):
        lines += ["", f"{torn:,} of its texts have more than one label: each label counts as often as it was given."]
    lines += ["", "## Evaluated", "", f"Each example by a fit without its fold, {found['folds']} folds.", ""]
    lines += [*_figures(found), "", *_abstention(head), "", "## By label", "", *_labels(found["by_label"]), ""]
    return "\n".join(lines)


def _figures(found: Mapping[str, Any]) -> list[str]:
    named = ("accuracy", "macro_f1", "calibration_error", "outside_auroc", "fires_at")
    rows = [f"| {name.replace('_', ' ')} | {found[name]:.4g} |" for name in named if found.get(name) is not None]
    return ["| figure | value |", "|---|---|", *rows]


def _abstention(head: Linear) -> list[str]:
    if head.abstain_below == float("-inf"):
        return ["It never abstains."]
    return [f"It abstains where its highest score is below {head.abstain_below:.3g}."]


def _labels(by_label: Mapping[str, Mapping[str, Any]]) -> list[str]:
    rows = [f"| {label} | {of['examples']} | {of['precision']} | {of['recall']} |" for label, of in by_label.items()]
    return ["| label | examples | precision | recall |", "|---|---|---|---|", *rows]


def length_card(lengths: Lengths) -> str:
    """The card of what tells output lengths, as Markdown."""
    found = {name: value for name, value in lengths.card.items() if isinstance(value, float)}
    lines = [
        "# length",
        "",
        f"Output tokens of {len(lengths.models) - 1} models, or of any, on the {lengths.tier} tier.",
    ]
    lines += ["Answers `output_p50`, `output_p75`, `output_p90` and `heavy`, the last by any model's answer."]
    rows = [f"| {name.replace('_', ' ')} | {value:.4g} |" for name, value in found.items()]
    return "\n".join([*lines, "", "## Evaluated on left-out folds", "", "| figure | value |", "|---|---|", *rows, ""])
