"""`weir train`: a head from labelled texts, with its model card."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from router.classify.encoder import Embeds
    from router.classify.linear import Linear
    from router.classify.tasks.port import Example
    from router.classify.training import Embed, Plan

TIERS = ("static", "encoder")


def train(
    head: Annotated[str, typer.Argument(help="Which head: a known one, or a new name for labelled rows of your own.")],
    data: Annotated[
        Path,
        typer.Option(
            help="A folder of public sets, or a .jsonl or .csv file of text and label; for select, of judged answers."
        ),
    ],
    tier: Annotated[str, typer.Option(help="static (under a millisecond) or encoder.")] = "encoder",
    out: Annotated[Path | None, typer.Option(help="Folder of heads; the classifier's own where none is named.")] = None,
) -> None:
    """Train a head, evaluate it on rows left out, and write it beside its model card."""
    from cli.door import WrongUse
    from router.classify.card import card
    from router.classify.load import heads_folder

    if tier not in TIERS:
        raise WrongUse(f"there is no tier {tier!r}: static or encoder")
    folder = out or heads_folder()
    if head in FITTED:
        typer.echo(FITTED[head](data, tier, folder / f"{head}.npz"))
        return
    plan, examples, synthetic = chosen(head, data, tier)
    typer.echo(f"{head}: {len(examples):,} examples, {tier} tier", err=True)
    made = trained(plan, examples)
    made.save(folder / f"{head}.npz")
    (folder / f"{head}.md").write_text(card(made, synthetic=synthetic))
    found = made.card
    typer.echo(f"{folder / head}.npz: accuracy {found['accuracy']:.3f}, macro-F1 {found['macro_f1']:.3f}, left out")


def tagger(data: Path, _: str, path: Path) -> str:
    """Learn where personal data is, from sentences whose spans are marked."""
    from router.classify.pii.learning import learn, marked
    from router.classify.pii.swapping import swapped

    made = learn(list(swapped(marked(data))))
    made.save(path)
    return f"{path}: {len(made.kinds)} kinds of personal data"


def lengths(data: Path, tier: str, path: Path) -> str:
    """Learn how long answers get, from models' token counts."""
    from router.classify.lengths import learn, mmlu_pro_answers
    from router.classify.training import seen_of

    encoders = loaded(tier)
    _, answers = mmlu_pro_answers(data)
    made, _ = learn(answers, seen_of(answers.texts, tier, embedder(encoders)), tier)
    replace(made, encoders={name: encoder.name for name, encoder in encoders.items()}).save(path)
    return f"{path}: output tokens of {len(answers.models)} models"


def selector(data: Path, tier: str, path: Path) -> str:
    """Learn how good each model's answer to a prompt is, from judged answers; kept under its version."""
    from router.learn.select_card import select_card
    from router.learn.select_training import train_select
    from weir.judged import find_judged, read_judged

    encoders = loaded(tier)
    named = {name: encoder.name for name, encoder in encoders.items()}
    judged = read_judged(find_judged(str(data / PUBLIC if (data / PUBLIC).is_dir() else data)))
    typer.echo(f"select: {len(judged):,} questions, {len(judged.models)} models, {tier} tier", err=True)
    made = replace(train_select(judged, tier, embedder(encoders)), encoders=named)
    place, found = made.save(path.parent, select_card(made)), made.card
    lead = f"quality {found['chosen_quality']:.3f} where {found['best_model']} alone has {found['best_quality']:.3f}"
    return f"{place}: {lead}, left out"


FITTED: "dict[str, Callable[[Path, str, Path], str]]" = {"length": lengths, "pii": tagger, "select": selector}
"""Heads that are no classifiers."""

PUBLIC = "mmlu_pro"  # the judged answers among the public sets


def chosen(head: str, data: Path, tier: str) -> "tuple[Plan, list[Example], bool]":
    """The plan of a head, its examples, and whether those are made from templates."""
    from router.classify.tasks.labelled import labelled
    from router.classify.tasks.port import TASKS
    from router.classify.training import Plan, plan_of

    task = TASKS[head]() if head in TASKS.names() or data.is_dir() else None
    plan = plan_of(head, task, tier) if task else Plan(name=head, tier=tier, outside_recall=0.65)
    if task and data.is_dir():
        return plan, list(task.examples(data)), task.synthetic
    examples = list(labelled(data))
    if all(each.label for each in examples):
        plan = replace(plan, outside_recall=0.0)
    return plan, examples, False


def trained(plan: "Plan", examples: "Sequence[Example]") -> "Linear":
    """A head of these examples that knows its version and its encoders."""
    from router.classify.training import train as fit

    encoders = loaded(plan.tier)
    made = fit(plan, examples, embedder(encoders)).head
    named = {name: encoder.name for name, encoder in encoders.items()}
    return replace(made, encoders=named, card={**made.card, "version": version(made)})


def loaded(tier: str) -> "dict[str, Embeds]":
    """The encoders that a tier sees through."""
    from router.classify.encoder import Encoder
    from router.classify.features import DENSE
    from router.classify.static import StaticEncoder

    return {name: Encoder() if name == "encoder" else StaticEncoder() for name in DENSE[tier]}


def embedder(encoders: "dict[str, Embeds]") -> "Embed":
    """Vectors by the name of the encoder."""
    return lambda texts, name: encoders[name].embed(texts)


def version(head: "Linear") -> str:
    """What tells this head from another of its name: its weights' hash."""
    return hashlib.sha256(head.weights.tobytes() + head.mean.tobytes()).hexdigest()[:12]
