"""The options that let a simulation choose models as well, and what these say."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.door import WrongUse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.sent import Topics
    from router.learn.select_head import SelectHead
    from sims.arrivals import Arrivals
    from sims.select.judging import Judging
    from sims.select.questions import Questions
    from sims.sweep.paths import Point
    from weir.fleetfile import FleetFile
    from weir.judged import Floats, Judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Judges:
    """Judged answers behind the requests, and what choosers of models weigh."""

    quality: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE", help="Judged answers: models are chosen too. A file, a folder, or a set's name."
        ),
    ] = ""
    choosers: Annotated[
        str,
        typer.Option(metavar="A,B,…",
                     help="Who chooses: only:MODEL, blind, aware, a bandit (thompson, linucb, ucb, epsilon_greedy), "
                     "rules; NAME@USD sets the worth; the first is what others are paired with."),
    ] = ""  # fmt: skip
    judged_as: Annotated[
        list[str] | None,
        typer.Option(metavar="MODEL=NAME", help="Under which name a model of the fleet was judged; may be repeated."),
    ] = None
    worth: Annotated[float, typer.Option(min=0.0, help="Dollars that a right answer is worth to a chooser.")] = 0.01
    late: Annotated[float, typer.Option(min=0.0, help="Dollars of each predicted second past a deadline.")] = 0.0
    joule: Annotated[float, typer.Option(min=0.0, help="Dollars of each predicted joule beside the list price.")] = 0.0
    surge: Annotated[
        float, typer.Option(min=0.0, help="How fast a busy replica's price rises, as aware and bandits see it.")
    ] = 6.0
    heads: Annotated[
        Path | None, typer.Option(help="Heads of `weir train select`; else a linear head, each question left out.")
    ] = None
    rules: Annotated[Path | None, typer.Option(help="Rules for the chooser `rules`, by domain and length.")] = None

    def named(self, fleet: "FleetFile") -> list[str]:
        """The choosers: those given, or each model alone, the blind and the aware."""
        given = [name.strip() for name in self.choosers.split(",") if name.strip()]
        if len(set(given)) < len(given):
            raise WrongUse(f"--choosers {self.choosers}: name each chooser once")
        return given or [*(f"only:{model}" for model in served(fleet)), "blind", "aware"]

    def point(self) -> "Point":
        """The one chooser of a replay, as a study's point; raises `WrongUse` where there are several."""
        if not self.quality or not self.choosers:
            return ()
        if "," in self.choosers:
            raise WrongUse(f"--choosers {self.choosers}: a replay has one, `weir compare` several")
        from sims.select.judging import CHOOSER

        return ((CHOOSER, self.choosers.strip()),)

    def check(self) -> None:
        """Raise `WrongUse` where an option says nothing without judged answers."""
        idle = [
            f"--{name.replace('_', '-')}" for name in ("choosers", "judged_as", "heads", "rules") if getattr(self, name)
        ]
        if idle and not self.quality:
            raise WrongUse(f"{idle[0]} is about choosing models: add --quality with judged answers")

    def judging(self, fleet: "FleetFile", arrivals: "Arrivals") -> "Judging | None":
        """What a study is told of choosing models; None where nothing is judged. Raises `BadFile`, `BadHead`."""
        self.check()
        if not self.quality:
            return None
        from policies.select.objective import Objective
        from sims.select.choosers import Value
        from sims.select.judging import Judging
        from weir.rulesfile import read_rules

        value = Value(
            usd_per_token=prices(fleet, arrivals),
            objective=Objective(worth_usd=self.worth, late_usd=self.late, joule_usd=self.joule, surge=self.surge),
        )
        ruleset = read_rules(self.rules)[0] if self.rules else None
        return Judging(questions=self.questions(served(fleet)), value=value, rules=ruleset)

    def topics(self) -> "Topics | None":
        """What tells topics of a trace's texts, by the judged questions; None where nothing is judged."""
        self.check()
        if not self.quality:
            return None

        def told(texts: "Sequence[str]") -> list[str]:
            from router.classify.static import StaticEncoder
            from router.learn.topics import topics_of
            from weir.judged import find_judged, read_judged

            return topics_of(texts, read_judged(find_judged(self.quality)), StaticEncoder())

        return told

    def questions(self, models: list[str]) -> "Questions":
        """The judged questions with a column a model of the fleet."""
        from sims.select.questions import Questions
        from weir.judged import columns_for, find_judged, read_judged

        judged = read_judged(find_judged(self.quality))
        chosen = judged.all_asked(columns_for(models, judged.models, self._names()))
        chosen, expected = self._expected(chosen)
        return Questions(
            name=judged.name,
            models=tuple(models),
            topics=chosen.topics,
            expected=expected,
            quality=chosen.quality,
            out_tokens=chosen.out_tokens,
        )

    def _expected(self, judged: "Judged") -> "tuple[Judged, Floats]":
        """The questions that may be asked, and what is expected of each model: nobody was taught the answer."""
        if self.heads is None:
            from router.learn.left_out import left_out

            return judged, left_out(judged)
        from router.learn.select_head import load

        head = load(self.heads)
        judged = untaught(judged, head)
        return judged, foreseen(judged, head)

    def _names(self) -> dict[str, str]:
        pairs = [each.partition("=") for each in self.judged_as or ()]
        if bad := [model for model, equals, name in pairs if not (model and equals and name)]:
            raise WrongUse(f"--judged-as {bad[0]}: write --judged-as MODEL=NAME")
        return {model.strip(): name.strip() for model, _, name in pairs}


def served(fleet: "FleetFile") -> list[str]:
    """The fleet's models, in the order of its pools."""
    return list(dict.fromkeys(pool.serves for pool in fleet.pools))


def prices(fleet: "FleetFile", arrivals: "Arrivals") -> tuple[float, ...]:
    """Dollars a token of each model: what its replicas cost, over all that they can serve of such requests."""
    from cli.rates import Means, model_rps
    from weir.codec import latency
    from weir.fleetfile import message

    means = Means(float(arrivals.prompt_tokens.mean()), float(arrivals.output_tokens.mean()))
    rates, usd = model_rps(fleet, means), dict.fromkeys(served(fleet), 0.0)
    for pool in fleet.pools:
        usd[pool.serves] += pool.size * latency(message(pool, 0, "")).price_per_hour / 3600.0
    return tuple(usd[model] / rates[model] / (means.prompt + means.output) for model in usd)


def untaught(judged: "Judged", head: "SelectHead") -> "Judged":
    """The questions that the head was not taught; raises `WrongUse` where it was taught all."""
    import numpy as np

    from weir.judged import text_hash

    fresh = np.array([text_hash(text) not in head.taught for text in judged.texts])
    if not fresh.any():
        raise WrongUse(
            f"the head {head.version} was taught every question of {judged.name}, so it would only recite: train it on "
            f"a part of them, or leave --heads out"
        )
    return judged.chosen(fresh)


def foreseen(judged: "Judged", head: "SelectHead") -> "Floats":
    """What a trained head expects of these questions, a column a judged model."""
    from cli.train import embedder, loaded
    from weir.judged import columns_for

    columns = columns_for(judged.models, head.models)
    expected = head.expect(judged.texts, judged.prompt_tokens.tolist(), embedder(loaded(head.tier)))
    return expected[:, columns]
