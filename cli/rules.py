"""What `weir check` says of a rules file: every proof that fails, with a request that shows it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from policies.perf.latency import LatencyModel
    from policies.select.rules.prove.caps import Vectors
    from policies.select.rules.prove.finding import Finding
    from policies.select.rules.prove.proofs import Fleet
    from policies.select.rules.rule import RuleSet


def are_rules(path: Path) -> bool:
    """Whether a file is meant as rules rather than as a fleet; raises `BadFile` for one that is no YAML."""
    from weir.strictyaml import Document, text_of

    found = Document(text_of(path), str(path)).value
    return isinstance(found, dict) and "pools" not in found and bool({"rules", "fallback"} & set(found))


def check_rules(path: Path, fleet: Path | None, json_to: str) -> None:
    """Prove a rules file, or say what cannot be proved and end with 1."""
    from cli.output import write_json
    from policies.select.rules.prove.proofs import prove
    from weir.rulesfile import rules_of
    from weir.strictyaml import text_of

    text = text_of(path)
    rules, _ = rules_of(text, str(path))
    findings = prove(rules, served(fleet) if fleet else None, embedded(rules))
    told = [as_dict(each, text, str(path)) for each in findings]
    write_json(json_to, {"proved": not findings, "rules": len(rules.rules), "findings": told})
    if json_to != "-":
        for each in told:
            typer.echo(sentence(str(path), each))
        if not findings:
            typer.echo(f"{path} is proved: {_proved(rules, fleet)}.")
    if findings:
        raise typer.Exit(1)


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


def embedded(rules: "RuleSet") -> "Mapping[str, Vectors] | None":
    """The embeddings of every anchor's examples; None where no encoder is installed."""
    import numpy as np

    if not rules.anchors:
        return {}
    from router.classify.weights import NoModel

    try:
        from router.classify.encoder import Encoder

        encoder = Encoder()
    except (ImportError, NoModel):
        return None
    return {name: encoder.embed(anchor.examples).astype(np.float64) for name, anchor in rules.anchors.items()}


def served(path: Path) -> "Fleet":
    """What a fleet file serves where, and the least that a request costs there."""
    from policies.select.rules.deciding import Place
    from policies.select.rules.prove.proofs import Fleet
    from weir.codec import latency
    from weir.fleetfile import message, read_fleet

    pools = {(pool.serves, pool.name): latency(message(pool, 0, "")) for pool in read_fleet(path).pools}
    places = tuple(Place(model, pool) for model, pool in pools)
    return Fleet(places, lambda model, pool, prompt, output: least_usd(pools[model, pool], prompt, output))


def least_usd(perf: "LatencyModel", prompt: float, output: float) -> float:
    """Dollars of a replica's time that a request takes at least: its prompt, and its share of a full batch."""
    batch = float(perf.max_seqs)
    decode_s = perf.decode_seconds(batch, batch * prompt) / batch
    return (perf.prefill_seconds(prompt) + output * decode_s) * perf.price_per_hour / 3600.0


def _proved(rules: "RuleSet", fleet: Path | None) -> str:
    told = f"{len(rules.rules)} rules can each fire, and no two disagree"
    roles = f"; each of {len(rules.roles)} roles reaches a model" if rules.roles else ""
    return f"{told}{roles}{f'; {fleet} serves all they name' if fleet else ''}"
