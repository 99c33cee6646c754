"""`weir train`: a head from labelled texts, with its model card."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

if TYPE_CHECKING:
    from router.classify.encoder import Embeds
    from router.classify.lengths import Lengths
    from router.classify.linear import Linear
    from router.classify.tasks.port import Example
    from router.classify.training import Embed, Plan

    Kept = Linear | Lengths

TIERS = ("static", "encoder")
CHEAPEST = "cheapest"
SESSIONS = "sessions"
WORTH_USD = 0.10  # of a completed session
NEAR = 0.01  # how far the static tier's figure may lie below the encoder's where the static one is kept alone


class Made(NamedTuple):
    """A head on one tier: how it is kept, what it says for itself, and the figure that tiers are compared by."""

    head: "Kept"
    card: str
    figure: float
    named: str = "macro-F1"


def train(
    head: Annotated[
        str, typer.Argument(help="Which head: a known one, or a new name for labelled rows of your own; without: all.")
    ] = "",
    data: Annotated[
        Path | None,
        typer.Option(
            help="A folder of public sets, or a .jsonl or .csv file of text and label; for select, of judged answers; "
            "for sessions, a router's decision records."
        ),
    ] = None,
    tier: Annotated[str, typer.Option(help="static, encoder, or the cheapest that keeps its accuracy.")] = CHEAPEST,
    out: Annotated[Path | None, typer.Option(help="Folder of heads; the classifier's own where none is named.")] = None,
    worth: Annotated[
        float, typer.Option(min=0.0, help="For sessions: dollars that a completed session is worth.")
    ] = WORTH_USD,
    unjudged: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="For sessions: what one came to that nobody judged; else it is left out."),
    ] = None,
) -> None:
    """Train a head, evaluate it on rows left out, and write it beside its model card.

    A head of the encoder tier gets a stand-in on the static one, for when a router's classifier has no time. Without a
    head's name all are trained that can be, and of the others it is said what they lack.
    """
    from cli.door import WrongUse
    from cli.train_all import train_all
    from router.classify.heads import heads_folder

    if tier not in (*TIERS, CHEAPEST):
        raise WrongUse(f"there is no tier {tier!r}: static, encoder or {CHEAPEST}")
    folder = out or heads_folder()
    if head != SESSIONS and (unjudged is not None or worth != WORTH_USD):
        raise WrongUse("--worth and --unjudged say what sessions come to: they go with `weir train sessions`")
    if head == SESSIONS:
        typer.echo(sessions(data, folder, worth, float("nan") if unjudged is None else unjudged))
    elif head:
        train_one(head, data, tier, folder)
    else:
        train_all(data, tier, folder)


def sessions(data: Path | None, folder: Path, worth: float, unjudged: float) -> str:
    """Learn what turns are worth to their sessions; kept under its version."""
    from cli.train_sessions import Worth, session_head

    made = session_head(data, Worth(completed_usd=worth, unjudged=unjudged))
    earned = ", ".join(f"{name} ${each['value']:.4f}" for name, each in made.card["earned_usd"].items())
    return f"{made.save(folder)}: {made.card['sessions']:,} sessions of {made.card['source']}; a session: {earned}"


def train_one(head: str, data: Path | None, tier: str, folder: Path) -> None:
    """Train one head; raises `WrongUse` where it needs data and none are named."""
    from cli.door import WrongUse
    from cli.train_all import lacks
    from router.classify.load import LIGHT

    if data is None:
        if lacking := lacks(head, None):
            raise WrongUse(lacking)
        data = Path()  # what is made from templates reads nothing
    if head == "pii":
        typer.echo(tagger(data, folder / "pii.npz"))
        return
    if head == "select":
        typer.echo(selector(data, "encoder" if tier == CHEAPEST else tier, folder))
        return
    found = by_tier(head, data, ("static",) if tier == "static" else TIERS)
    alone = tier == "static" or (tier == CHEAPEST and found["static"].figure >= found["encoder"].figure - NEAR)
    typer.echo(keep(found["static" if alone else "encoder"], folder, head))
    if alone:
        (folder / LIGHT / f"{head}.npz").unlink(missing_ok=True)
    else:
        typer.echo(f"when time is short, {keep(found['static'], folder / LIGHT, head)}")


def by_tier(head: str, data: Path, tiers: "Sequence[str]") -> dict[str, Made]:
    """The head on each of these tiers."""
    if head == "length":
        return {tier: lengths(data, tier) for tier in tiers}
    found = {}
    for tier in tiers:
        plan, examples, synthetic = chosen(head, data, tier)
        typer.echo(f"{head}: {len(examples):,} examples, {tier} tier", err=True)
        found[tier] = classifier(plan, examples, synthetic)
    if torn := next(iter(found.values())).head.card.get("contradicted"):
        typer.echo(f"{head}: {torn:,} texts have more than one label; each counts as often as it was given", err=True)
    return found


def keep(made: Made, folder: Path, name: str) -> str:
    """Write a head and its card; says where it is and how good."""
    path = folder / f"{name}.npz"
    made.head.save(path)
    path.with_suffix(".md").write_text(made.card)
    return f"{path}: {made.head.tier} tier, {made.named} {made.figure:.3f} on rows left out"


def classifier(plan: "Plan", examples: "Sequence[Example]", synthetic: bool) -> Made:
    """A classifying head and its macro-F1."""
    from router.classify.card import card

    head = trained(plan, examples)
    return Made(head, card(head, synthetic=synthetic), float(head.card["macro_f1"]))


def tagger(data: Path, path: Path) -> str:
    """Learn where personal data is, from sentences whose spans are marked."""
    from router.classify.pii.learning import learn, marked
    from router.classify.pii.swapping import swapped

    made = learn(list(swapped(marked(data))))
    made.save(path)
    return f"{path}: {len(made.kinds)} kinds of personal data"


def lengths(data: Path, tier: str) -> Made:
    """How long answers get, from models' token counts; compared by what it saves beside each model's own quantile."""
    from router.classify.answers import all_of
    from router.classify.card import length_card
    from router.classify.length_training import learn
    from router.classify.training import seen_of

    encoders, answers = loaded(tier), all_of(data)
    typer.echo(f"length: {len(answers.texts):,} prompts, {len(answers.models)} models, {tier} tier", err=True)
    made = learn(answers, seen_of(answers.texts, tier, embedder(encoders)), tier).lengths
    named = {name: encoder.name for name, encoder in encoders.items()}
    head = replace(made, encoders=named, card={**made.card, "version": version(made)})
    return Made(head, length_card(head), head.card["p75_loss_below_each_models_own"], "P75 loss saved")


def selector(data: Path, tier: str, folder: Path) -> str:
    """Learn how good each model's answer to a prompt is, from judged answers; kept under its version."""
    from router.learn.select_card import select_card
    from router.learn.select_training import train_select
    from weir.judged import find_judged, read_judged

    encoders = loaded(tier)
    named = {name: encoder.name for name, encoder in encoders.items()}
    judged = read_judged(find_judged(str(data / PUBLIC if (data / PUBLIC).is_dir() else data)))
    typer.echo(f"select: {len(judged):,} questions, {len(judged.models)} models, {tier} tier", err=True)
    made = replace(train_select(judged, tier, embedder(encoders)), encoders=named)
    place, found = made.save(folder, select_card(made)), made.card
    lead = f"quality {found['chosen_quality']:.3f} where {found['best_model']} alone has {found['best_quality']:.3f}"
    return f"{place}: {lead}, left out"


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


def version(head: "Kept") -> str:
    """What tells this head from another of its name: its weights' hash."""
    return hashlib.sha256(head.weights.tobytes() + head.mean.tobytes()).hexdigest()[:12]
