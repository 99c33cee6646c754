"""One turn of MAPE-K over decision records and a rules file: what `weir adapt` does."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from cli.adapting_cases import Judging, cases
from cli.decisions import last, ratings
from cli.evaluate import judge
from cli.selections import FAILED, Selection, selections
from policies.adapt.analysis import counted, symptoms
from policies.adapt.knobs import OFF_POLICY
from policies.adapt.planning import Step, plan
from policies.canary import Canary, Stage
from policies.select.objective import Objective
from router.auto.evidence import canary
from weir.rulesfile import rules_of
from weir.strictyaml import BadFile, text_of

MODEL, SURGE = "model", "surge"
POLICIES = ("thompson", "linucb", "ucb", "epsilon_greedy")
SURGES = (2.0, 6.0)
CHOSEN_ON, CLIP, FEWEST = 0.6, 50.0, 200
"""The share of the records on which the best of several is chosen; the rest say whether it is surely better."""

Told = dict[str, Any]


class Journal:
    """What was done and why, a JSON object a line."""

    def __init__(self, path: Path | None, now: datetime) -> None:
        self._path, self._now = path, now
        self.told: list[Told] = []  # in this turn
        self._before = _lines(path) if path is not None and path.exists() else []

    def say(self, step: str, said: str, **more: Any) -> None:
        """One more step."""
        told = {"at": self._now.isoformat(timespec="seconds"), "step": step, "said": said, **more}
        self.told.append(told)
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as out:
                out.write(json.dumps(told) + "\n")

    def resting(self, rest_s: float) -> dict[str, str]:
        """The knobs that were taken back lately, and what is said of them."""
        found = {}
        for each in self._before:
            ago = (self._now - datetime.fromisoformat(each["at"])).total_seconds()
            if each["step"] == Stage.ROLLED_BACK.value and ago < rest_s:
                found[str(each["knob"])] = f"it was rolled back {ago / 3600.0:.1f} hours ago and rests"
        return found


@dataclass(kw_only=True)
class Turn:
    """One turn."""

    rules: Path
    records: Path
    journal: Journal
    rest_s: float
    last: int
    long_turns: int
    _changed: bool = field(default=False, init=False)

    @cached_property
    def _selections(self) -> list[Selection]:
        """Every choice of the records; raises `BadRecord` where there is none."""
        return selections(self.records)

    def taken(self) -> str | None:
        """Take it; the rules' new text, None where they stay. Raises `BadFile`, `BadRecord` or `BadLog`."""
        text = text_of(self.rules)
        rules_of(text, str(self.rules))
        whole: Told = yaml.safe_load(text)
        learn: Told = whole.get("learn") or {}
        if not learn:
            raise BadFile(f"{self.rules} has no section `learn`: there is nothing to adapt")
        tried, out = self._tried(learn), self.journal.resting(self.rest_s)
        out |= self._ended_now()
        by = Judging(ratings=ratings(self.records), worth_usd=_worth(learn), long_turns=self.long_turns)
        counts = counted(cases(last(self.records, self.last), by))
        known = {each.value: [count.wrong, count.known] for each, count in counts.items()}
        self.journal.say("monitored", f"{max(count.known for count in counts.values())} requests", counts=known)
        found = symptoms(counts)
        names = ", ".join(each.failure.value for each in found) or "nothing is surely beyond its limit"
        self.journal.say("analysed", names, symptoms=[each.failure.value for each in found])
        for step in self._planned(found, tried, out, learn):
            self._do(step, learn)
        if not self._changed:
            return None
        made = yaml.safe_dump(whole, sort_keys=False, allow_unicode=True)
        rules_of(made, str(self.rules))
        return made

    def _tried(self, learn: Told) -> list[str]:
        """The canary that runs, judged by the records; promoted or rolled back it is none any more."""
        begun = canary(learn)
        if begun is None:
            return []
        stood = self._judged(begun, _worth(learn))
        said = f"{stood.new}: {stood.why}; {stood.mine.rewards} of its choices judged, {stood.theirs.rewards} of others"
        self.journal.say(stood.stage.value, said, knob=MODEL, policy=stood.new)
        if stood.stage is Stage.CANARY:
            return [MODEL]
        given = learn.pop("canary")
        if stood.stage is Stage.PROMOTED:
            learn["policy"] = given["policy"]
            learn["settings"] = given.get("settings", {})
        self._changed = True
        return []

    def _judged(self, begun: Canary, worth: float) -> Canary:
        """Where a canary stands by what the records say of both policies, as the router's front process judges it."""
        labels = {str(one["id"]): one for one in last(self.records, 1 << 30) if "choice" in one}
        stood = begun
        for one in self._selections:
            record = labels[one.context.id]
            reward = one.quality - one.usd / worth
            failed = int(record["outcome"].get("status", 200)) >= FAILED
            stood = stood.saw(str(record["choice"].get("policy", "")), reward, failed=failed, now=one.at_s)
            if stood.stage is not Stage.CANARY:
                break
        return stood

    def _ended_now(self) -> dict[str, str]:
        """What ended in this very turn is not begun again in it: its records are of what was before."""
        ended = (Stage.ROLLED_BACK.value, Stage.PROMOTED.value)
        return {each["knob"]: f"it was {each['step']} just now" for each in self.journal.told if each["step"] in ended}

    def _planned(self, found: Any, tried: list[str], out: dict[str, str], learn: Told) -> list[Step]:
        """The plan in which every knob that can be checked from logs has passed."""
        self._passed: dict[str, Told] = {}
        while True:
            steps = plan(found, tried, out)
            asked = [each for each in steps if each.turn and each.knob.check == OFF_POLICY]
            left = [each.knob.name for each in asked if each.knob.name not in self._passed]
            if not left:
                return steps
            for name in left:
                passed, why = checked(name, self._selections, learn)
                self.journal.say("checked", f"{name}: {why}", knob=name, passed=passed is not None)
                if passed is None:
                    out = {**out, name: why}
                else:
                    self._passed[name] = passed

    def _do(self, step: Step, learn: Told) -> None:
        name, more = step.knob.name, {"knob": step.knob.name, "cures": step.cures.value}
        if not step.turn:
            self.journal.say("held", f"{name}: {step.why}", **more)
        elif name == MODEL:
            learn["canary"] = self._passed[name]
            self._changed = True
            self.journal.say("canary", f"{learn['canary']} on 5% of sessions: {step.why}", **more)
        else:
            how = f"{self._passed[name]} in {step.knob.turned}" if name in self._passed else step.knob.turned
            check = "" if name in self._passed else "; check it first: weir compare, weir replay"
            self.journal.say("recommended", f"{name}: turn {how}: {step.why}{check}", **more)


def checked(name: str, logs: Sequence[Selection], learn: Mapping[str, Any]) -> tuple[Told | None, str]:
    """The setting of a knob that is surely better by the logs, and why; None where none is."""
    found = [one for one in logs if one.quality == one.quality]
    if len(found) < FEWEST:
        return None, f"{len(found)} judged choices are too few to tell, {FEWEST} are needed"
    objective, worth = learn.get("objective", {}), _worth(learn)
    earlier = found[: int(CHOSEN_ON * len(found))]
    tries = {_label(each): each for each in _tries(name, learn)}
    values = {label: _estimate(earlier, each, objective, worth, 0.5)["value"] for label, each in tries.items()}
    best = max(values, key=lambda label: values[label])
    sure = _estimate(found, tries[best], objective, worth, CHOSEN_ON)
    logged = [one.reward(worth) for one in found[int(CHOSEN_ON * len(found)) :]]
    earned = sum(logged) / len(logged)
    said = (
        f"{best} would have earned ${sure['value']:.5f} a choice ({sure['low']:.5f} to {sure['high']:.5f}), "
        f"what ran earned ${earned:.5f}"
    )
    return (tries[best] if sure["low"] > earned else None), said


def _worth(learn: Mapping[str, Any]) -> float:
    return float(learn.get("objective", {}).get("worth_usd", Objective().worth_usd))


def _tries(name: str, learn: Mapping[str, Any]) -> list[Told]:
    """What may stand in place of what a knob is now."""
    if name == SURGE:
        now = float(learn.get("objective", {}).get("surge", 0.0))
        return [{"policy": learn["policy"], "surge": each} for each in SURGES if each != now]
    return [{"policy": each} for each in POLICIES if each != learn.get("policy")]


def _label(tried: Told) -> str:
    return " ".join(f"{key} {value}" for key, value in tried.items())


def _estimate(
    found: list[Selection], tried: Told, objective: Mapping[str, Any], worth: float, learned: float
) -> dict[str, float]:
    """The doubly robust estimate on the records behind those that it learned from."""
    weighs = Objective(**{**objective, "worth_usd": worth, **{k: v for k, v in tried.items() if k == SURGE}})
    judged = judge(found, str(tried["policy"]), value_usd=worth, learn=learned, clip=CLIP, weighs=weighs)
    estimate: dict[str, float] = judged["estimates"]["doubly_robust"]
    return estimate


def _lines(path: Path) -> list[Told]:
    """A journal's lines; raises `BadFile` for one that is none."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            told = json.loads(line)
            found.append({"at": str(told["at"]), "step": str(told["step"]), "knob": told.get("knob", "")})
            datetime.fromisoformat(told["at"]).astimezone(UTC)
        except (ValueError, KeyError, TypeError):
            raise BadFile(f"{path}:{number}: no line of a journal: name another file as --journal") from None
    return found
