"""What cannot be simulated, said before anything runs."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from policies.fleet import Replica
from sims.arrivals import NONE, Arrivals
from sims.engine.conditions import GAPS, KNOWLEDGE, Conditions


def check(arrivals: Arrivals, fleet: Sequence[Replica], conditions: Conditions) -> None:
    """Raise ValueError, one sentence, where the arguments make no simulation."""
    _check_fleet(fleet)
    _check_models(arrivals, fleet)
    _check_arrivals(arrivals)
    _check_images(arrivals, fleet)
    _check_conditions(fleet, conditions)
    _check_knowledge(conditions)
    _check_classes(conditions)


def _check_fleet(fleet: Sequence[Replica]) -> None:
    if not fleet:
        raise ValueError("the fleet has no replicas: name at least one")
    name, count = Counter(replica.name for replica in fleet).most_common(1)[0]
    if count > 1:
        raise ValueError(f"{count} replicas are named {name!r}: give each a name of its own")
    for model in dict.fromkeys(replica.model for replica in fleet):
        roles = {replica.role for replica in fleet if replica.model == model}
        if not roles & {"mixed", "prefill"}:
            raise ValueError(f"no replica computes the prompts of model {model!r}: give one the role mixed or prefill")
        if not roles & {"mixed", "decode", "encode+decode"}:
            raise ValueError(f"no replica decodes for model {model!r}: give one the role decode or mixed")
    for replica in fleet:
        if replica.perf.max_seqs > replica.perf.chunk_tokens:
            raise ValueError(
                f"replica {replica.name!r}: max_seqs {replica.perf.max_seqs} above chunk_tokens "
                f"{replica.perf.chunk_tokens}: a step holds them all, so lower one or raise the other"
            )


def _check_models(arrivals: Arrivals, fleet: Sequence[Replica]) -> None:
    served = dict.fromkeys(replica.model for replica in fleet)
    for place, model in enumerate(arrivals.models):
        if model not in served:
            row = int(np.argmax(arrivals.model == place))
            raise ValueError(
                f"arrival {row} asks for model {model!r}, which no replica of the fleet serves: add one, "
                f"or name the arrivals' models among {', '.join(map(repr, served))}"
            )


def _check_images(arrivals: Arrivals, fleet: Sequence[Replica]) -> None:
    bad = (arrivals.visual_tokens < 0) | (arrivals.visual_tokens > arrivals.prompt_tokens)
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(f"arrival {row} has {arrivals.visual_tokens[row]} visual tokens among "
                         f"{arrivals.prompt_tokens[row]} of its prompt: correct it or leave it out")  # fmt: skip
    seeing = {replica.model for replica in fleet if replica.perf.encode_token_s > 0.0}
    names = [*arrivals.models, fleet[0].model]
    for place in set(arrivals.model[arrivals.visual_tokens > 0].tolist()):
        if names[place] not in seeing:
            raise ValueError(f"an arrival has images and asks for model {names[place]!r}, which sees none: "
                             "serve a model with a visual encoder, or drop its visual tokens")  # fmt: skip


def _check_arrivals(arrivals: Arrivals) -> None:
    if not len(arrivals):
        raise ValueError("there are no arrivals: nothing to simulate")
    for name, bad in (
        ("at", ~np.isfinite(arrivals.at) | (arrivals.at < 0.0)),
        ("prompt_tokens", arrivals.prompt_tokens < 1),
        ("output_tokens", arrivals.output_tokens < 1),
        ("after_s", (arrivals.after_s < 0.0) | np.isinf(arrivals.after_s)),
        ("model", (arrivals.model < NONE) | (arrivals.model >= max(len(arrivals.models), 1))),
    ):
        if bad.any():
            row = int(np.argmax(bad))
            raise ValueError(f"arrival {row} has {name} {getattr(arrivals, name)[row]}: correct it or leave it out")
    if len(arrivals.blocks) and arrivals.block_tokens < 1:
        raise ValueError("the arrivals have blocks and block_tokens 0: say how many tokens a block has")


def _check_conditions(fleet: Sequence[Replica], conditions: Conditions) -> None:
    for name in ("staleness_s", "scrape_s", "queue_s", "provision_s", "sample_s", "unstable_growth", "event_loss"):
        if not getattr(conditions, name) >= 0.0:
            raise ValueError(f"{name} is {getattr(conditions, name)}: give 0 or more")
    if not conditions.read_bytes_per_s > 0.0:
        raise ValueError(f"read_bytes_per_s is {conditions.read_bytes_per_s}: give more than 0")
    if conditions.disk_tokens and not conditions.host_tokens:
        raise ValueError("disk_tokens without host_tokens: blocks reach the disk through host memory, so give both")
    for outage in conditions.outages:
        if not (0 <= outage.replica < len(fleet) and 0.0 <= outage.at <= outage.until):
            raise ValueError(f"outage of replica {outage.replica} from {outage.at} to {outage.until} s: the fleet has "
                             f"replicas 0 to {len(fleet) - 1}, and it must not end before it begins")  # fmt: skip


def _check_knowledge(conditions: Conditions) -> None:
    for name, known in (("event_gaps", GAPS), ("kv_knowledge", KNOWLEDGE)):
        if getattr(conditions, name) not in known:
            raise ValueError(f"{name} is {getattr(conditions, name)!r}: give one of {', '.join(map(repr, known))}")
    if conditions.event_loss >= 1.0 or conditions.kv_staleness_s < 0.0:
        raise ValueError(
            f"event_loss {conditions.event_loss}, kv_staleness_s {conditions.kv_staleness_s}: give a share below 1, "
            "and 0 or more seconds"
        )


def _check_classes(conditions: Conditions) -> None:
    if conditions.most_in_flight < 0:
        raise ValueError(f"most_in_flight is {conditions.most_in_flight}: give 0 or more")
    names = [each.name for each in conditions.classes]
    if len(set(names)) < len(names):
        raise ValueError(f"classes are named {', '.join(names)}: give each a name of its own")
    for each in conditions.classes:
        if not (each.ttft_s > 0.0 and each.tpot_s > 0.0):
            raise ValueError(f"class {each.name!r} has deadlines {each.ttft_s} and {each.tpot_s} s: give more than 0")
