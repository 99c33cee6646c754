"""What `weir check` says of a rules file: every proof that fails, with a request that shows it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from policies.select.rules.prove.finding import Finding
    from policies.select.rules.rule import RuleSet


def are_rules(path: Path) -> bool:
    """Whether a file is meant as rules rather than as a fleet; raises `BadFile` for one that is no YAML."""
    from weir.strictyaml import Document, text_of

    found = Document(text_of(path), str(path)).value
    return isinstance(found, dict) and "pools" not in found and bool({"rules", "fallback"} & set(found))


def check_rules(path: Path, fleet: Path | None, json_to: str) -> None:
    """Prove a rules file, or say what cannot be proved and end with 1."""
    from cli.output import write_json

    result, lines = examined(path, fleet)
    write_json(json_to, result)
    if json_to != "-":
        for line in lines:
            typer.echo(line)
    if not result["proved"]:
        raise typer.Exit(1)


def examined(path: Path, fleet: Path | None) -> tuple[dict[str, Any], list[str]]:
    """What there is to say of a rules file, as JSON has it and in lines; raises `BadFile`."""
    from cli.selection import selection
    from router.auto.proved import proved
    from router.auto.untrained import sentences

    chosen = selection(fleet, path, None)
    text, rules, message, findings = proved(path, fleet, (chosen.heads or "") if chosen else "")
    told = [as_dict(each, text, str(path)) for each in findings]
    lacking = lacks(rules, message, (chosen.heads or "") if chosen else "")
    result = {"proved": not findings, "rules": len(rules.rules), "findings": told, "untrained": lacking}
    lines = [sentence(str(path), each) for each in told]
    if not findings:
        lines += [f"{path} is proved: {_sentence(rules, fleet)}.", *learning(message)]
    return result, lines + list(sentences(path, lacking))


def lacks(rules: "RuleSet", message: bytes, heads: str) -> list[str]:
    """The heads that rules and learner read, and nobody has trained."""
    import msgspec

    from router.auto.untrained import untrained
    from router.classify.heads import heads_folder

    return untrained(rules, msgspec.json.decode(message).get("learn"), Path(heads) if heads else heads_folder())


def as_dict(finding: "Finding", text: str, name: str) -> dict[str, Any]:
    """A finding as JSON has it."""
    from weir.rulesfile import line_of

    return {
        "kind": finding.kind,
        "line": line_of(text, name, finding.place),
        "said": finding.said,
        "rules": list(finding.rules),
        "request": finding.request,
        "readings": dict(finding.readings) if finding.readings else None,
    }


def sentence(name: str, told: Mapping[str, Any]) -> str:
    """A finding for people: the sentence, then the request and the readings that show it."""
    lines = [f"{name}:{told['line']}: {told['kind']}: {told['said']}"]
    shown = [f"  {key}: {json.dumps(told[key], ensure_ascii=False)}" for key in ("request", "readings") if told[key]]
    return "\n".join([*lines, *shown])


def learning(message: bytes) -> list[str]:
    """What a learner will do with the rules' answers, where there is one."""
    import msgspec

    from policies.select.learners import by_session, columns, wanted

    learn = msgspec.json.decode(message).get("learn")
    if learn is None:
        return []
    if by_session(learn):
        return [sessions(learn)]
    width, read = columns(learn).width(), ", ".join(sorted(wanted(learn))) or "none"
    budget = learn.get("budget")
    spend = f"${budget.get('start_usd', 0):g} and {budget.get('share', 0):.0%} of all" if budget else "no bound"
    told = [f"{learn['policy']} chooses among the models that a rule admits: {width} features; classifier: {read}; "
            f"exploring: {spend}."]  # fmt: skip
    if canary := learn.get("canary"):
        told.append(f"{canary['policy']} is tried on {canary.get('share', 0.05):.0%} of sessions.")
    return told


def sessions(learn: Mapping[str, Any]) -> str:
    """What a learner of whole sessions goes by."""
    head, epsilon = learn["head"], learn.get("settings", {}).get("epsilon", 0.0)
    return (f"{learn['policy']} chooses a session's next model, and whether its failed turns are cut first, by head "
            f"{head['version']} of {head['card']['sessions']:,} sessions from {head['card']['source']}; it tries "
            f"others on {epsilon:.0%} of the turns.")  # fmt: skip


def _sentence(rules: "RuleSet", fleet: Path | None) -> str:
    told = f"{len(rules.rules)} rules can each fire, and no two disagree"
    roles = f"; each of {len(rules.roles)} roles reaches a model" if rules.roles else ""
    return f"{told}{roles}{f'; {fleet} serves all they name' if fleet else ''}"
