"""Rules from a file, proved against the fleet before they serve; only the front process and `weir check` come here."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from policies.perf.capacity import DoesNotFit
from policies.perf.latency import LatencyModel
from policies.select.rules.deciding import Place
from policies.select.rules.prove.caps import Vectors
from policies.select.rules.prove.finding import Finding
from policies.select.rules.prove.proofs import Fleet, prove
from policies.select.rules.rule import RuleSet
from router.auto.readied import readied
from weir.codec import latency
from weir.fleetfile import message, read_fleet
from weir.rulesfile import line_of, rules_of
from weir.strictyaml import BadFile, text_of


class Unproved(BadFile):
    """Rules of which something is wrong or cannot be proved; the message has one line a finding."""


class Proved(NamedTuple):
    """What was read and what the proofs say."""

    text: str
    rules: RuleSet
    message: bytes  # from which a worker makes the same rules
    findings: list[Finding]


def proved(path: Path, fleet: Path | None, heads: str = "") -> Proved:
    """Read and prove the rules at `path`; raises `BadFile` for a file that is wrong, or lacks a trained head."""
    text = text_of(path)
    rules, message = rules_of(text, str(path))
    plain = msgspec.json.decode(message)
    if plain.get("learn") is not None:
        message = msgspec.json.encode({**plain, "learn": readied(plain["learn"], rules, heads, str(path))})
    return Proved(text, rules, message, prove(rules, served(fleet) if fleet else None, embedded(rules)))


def message_of(path: Path, fleet: Path | None, heads: str = "") -> bytes:
    """The rules at `path` for workers; raises `BadFile`, and `Unproved` where something is not proved."""
    found = proved(path, fleet, heads)
    if found.findings:
        lines = [f"{path}:{line_of(found.text, str(path), one.place)}: {one.said}" for one in found.findings]
        raise Unproved("\n".join([*lines, "`weir check` shows the requests"]))
    return found.message


def embedded(rules: RuleSet) -> Mapping[str, Vectors] | None:
    """The embeddings of every anchor's examples; None where no encoder is installed."""
    if not rules.anchors:
        return {}
    from router.classify.weights import NoModel

    try:
        from router.classify.encoder import Encoder

        encoder = Encoder()
    except (ImportError, NoModel):
        return None
    return {name: encoder.embed(anchor.examples).astype(np.float64) for name, anchor in rules.anchors.items()}


def served(path: Path) -> Fleet:
    """What a fleet file serves where, and the least that a request costs there; raises `BadFile`."""
    try:
        pools = {(pool.serves, pool.name): latency(message(pool, 0, "")) for pool in read_fleet(path).pools}
    except DoesNotFit as error:
        raise BadFile(f"{path}: {error}") from None
    places = tuple(Place(model, pool) for model, pool in pools)
    return Fleet(places, lambda model, pool, prompt, output: least_usd(pools[model, pool], prompt, output))


def least_usd(perf: LatencyModel, prompt: float, output: float) -> float:
    """Dollars of a replica's time that a request takes at least: its prompt, and its share of a full batch."""
    batch = float(perf.max_seqs)
    decode_s = perf.decode_seconds(batch, batch * prompt) / batch
    return (perf.prefill_seconds(prompt) + output * decode_s) * perf.price_per_hour / 3600.0
