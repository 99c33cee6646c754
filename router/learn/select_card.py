"""The card of a head that chooses models, written from its evaluation: nothing in it is typed by hand."""

from router.learn.select_head import SelectHead


def select_card(head: SelectHead) -> str:
    """The card as Markdown."""
    found = head.card
    low, high = found["lead_ci95"]
    lines = [
        "# select", "",
        f"Expected quality of {len(head.models)} models from a prompt, {head.tier} tier, version {head.version}.",
        "", "## Trained on", "",
        f"{found['questions']:,} judged questions of {found['source']}; encoders {_encoders(head)}.",
        "", "## Evaluated", "",
        f"Each question by a fit without its fold, {found['folds']} folds. Were money no object, the head's choice "
        f"would have a mean quality of {found['chosen_quality']:.3f}, {found['lead']:+.3f} [{low:+.3f}, {high:+.3f}] "
        f"beside {found['best_model']} alone ({found['best_quality']:.3f}); whoever knew every answer, "
        f"{found['oracle_quality']:.3f}.",
        "", "## By model", "",
        "| model | judged | quality | AUROC | calibration error | mean answer, tokens |", "|---|---|---|---|---|---|",
        *_models(head), "",
        "It knows questions like these. What people ask of you may be other questions: train it on your own judged "
        "answers, and compare before it serves (`weir compare --quality`).", "",
    ]  # fmt: skip
    return "\n".join(lines)


def _models(head: SelectHead) -> list[str]:
    rows = []
    for name, tokens in zip(head.models, head.out_tokens.tolist(), strict=True):
        of = head.card["by_model"][name]
        told = [of["judged"], of["quality"], of["auroc"], of["calibration_error"], f"{tokens:.0f}"]
        rows.append(f"| {name} | {' | '.join('–' if each in (None, 'nan') else str(each) for each in told)} |")
    return rows


def _encoders(head: SelectHead) -> str:
    return ", ".join(sorted(head.encoders.values())) or "none"
