"""Milliseconds of classifying on one core, and a gateway under fifty requests: `python -m bench.classify_latency`."""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}

import numpy as np

from bench.classify.claim import bootstrap, met
from bench.classify_latency import large
from bench.classify_latency.loop import DEADLINE_S, fifty_at_once
from bench.classify_latency.scene import PII, SIZES, all_heads, prompt
from policies.signals.learned import LEARNED
from router.classify.classifier import NO_MEANINGS, Classifier
from router.classify.port import ENCODER, STATIC, Text

LIMITS_MS = {ENCODER: dict(zip(SIZES, (9.0, 18.0, 20.0), strict=True)), STATIC: dict.fromkeys(SIZES, 1.0)}
SLACK_MS = 5.0  # by which a request may go on after its deadline: a timer's and a loop's own lateness
BLOCKED_MS = 2.0
BODIES_MB = (1, 10)
# What one core takes is a thread's processor time, whoever else uses the machine; the clock's time stands beside it.
# A shared host has slow spells of seconds too: the median of the quietest round says what the code takes.
ROUNDS, PROMPTS, WARM, FIRST = 6, 12, 100, 1 << 20
TARGET = {
    **{f"{tier}_{size}_p50_ms": {"most": most} for tier, limits in LIMITS_MS.items() for size, most in limits.items()},
    "loop_longest_ms": {"most": BLOCKED_MS},
    "past_deadline_p99_ms": {"most": SLACK_MS},
}


def main() -> int:
    """Print the table (stderr) and one JSON line (stdout)."""
    parser = argparse.ArgumentParser(prog="python -m bench.classify_latency", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with mmlu_pro, for the tiers' accuracy")
    options = parser.parse_args()
    begun = time.monotonic()
    figures: dict[str, Any] = {}
    for tier in (ENCODER, STATIC):
        for size in SIZES:
            figures |= timed(tier, size)
    figures |= personal()
    figures |= at_once()
    figures |= large_bodies()
    try:
        figures |= accuracy(options.data) if options.data else {}
    except (OSError, ValueError) as bad:
        say(str(bad))
        return 2
    summary = {"name": "classify-latency", "figures": figures, "target": TARGET, "met": met(figures, TARGET)}
    print(json.dumps({**summary, "seconds": round(time.monotonic() - begun, 1)}), flush=True)
    return 0


def timed(tier: str, size: int) -> dict[str, Any]:
    """Milliseconds of all heads on one prompt, compressed where it is long."""
    classifier, wanted = Classifier(all_heads(tier)), [frozenset(LEARNED) - {PII}]
    for seed in range(WARM):  # models are loaded, and as many words are known as to a process that has run a while
        classifier.read([Text(prompt(256, FIRST + seed))], wanted, [NO_MEANINGS])
    rounds, walls = [], list[float]()
    for i in range(ROUNDS):
        took = []
        for text in (prompt(size, i * PROMPTS + seed) for seed in range(PROMPTS)):
            spent, wall = spend(classifier, text, wanted)
            took.append(spent)
            walls.append(wall)
        rounds.append(took)
    p50, p99 = min(float(np.median(took)) for took in rounds), float(np.percentile(np.concatenate(rounds), 99))
    wall, best = float(np.median(walls)), min(rounds, key=lambda took: float(np.median(took)))
    say(f"{tier}, {size} tokens: p50 {p50:.2f} ms of processor, p99 {p99:.2f} ms; p50 by the clock {wall:.2f} ms")
    name = f"{tier}_{size}"
    return {
        f"{name}_p50_ms": round(p50, 3),
        f"{name}_p50_ms_interval": bootstrap(len(best), lambda rows: float(np.median(np.array(best)[rows]))),
        f"{name}_p99_ms": round(p99, 3),
        f"{name}_clock_p50_ms": round(wall, 3),
    }


def spend(classifier: Classifier, text: str, wanted: list[frozenset[str]]) -> tuple[float, float]:
    """Milliseconds that one reading takes: of processor, and by the clock."""
    wall, at = time.perf_counter(), time.thread_time()
    classifier.read([Text(text)], wanted, [NO_MEANINGS])
    return 1e3 * (time.thread_time() - at), 1e3 * (time.perf_counter() - wall)


def personal() -> dict[str, float]:
    """Milliseconds of finding personal data, which reads the whole prompt and belongs to no tier."""
    classifier, told = Classifier(all_heads(STATIC)), {}
    for size in SIZES:
        took = [spend(classifier, prompt(size, seed), [frozenset((PII,))])[0] for seed in range(PROMPTS)]
        told[f"pii_{size}_p50_ms"] = round(float(np.median(took)), 3)
        say(f"personal data, {size} tokens: p50 {np.median(took):.2f} ms of processor")
    return told


def at_once() -> dict[str, Any]:
    """Fifty requests at once, through a gateway."""
    held = fifty_at_once("bench.classify_latency.scene:on_encoder")
    longest, went_on = 1e3 * max(held.callbacks), 1e3 * np.array(held.went_on)
    past = float(np.percentile(went_on, 99)) - 1e3 * DEADLINE_S
    say(f"fifty at once: the loop's longest callback {longest:.2f} ms; requests went on after "
        f"{np.median(went_on):.1f} ms (p50), {np.percentile(went_on, 99):.1f} ms (p99); {held.why}")  # fmt: skip
    whole, light = (held.why.get(why, 0) / max(sum(held.why.values()), 1) for why in ("", "light"))
    return {
        "loop_longest_ms": round(longest, 3),
        "loop_p99_ms": round(1e3 * float(np.percentile(held.callbacks, 99)), 3),
        "past_deadline_p99_ms": round(max(past, 0.0), 3),
        "requests": len(went_on),
        "with_readings_in_time": round(whole + light, 3),
        "with_the_encoders_readings_in_time": round(whole, 3),
    }


def large_bodies() -> dict[str, float]:
    """For how long the form that takes longest holds the loop: of a request's callbacks the longest."""
    told = {}
    for size in BODIES_MB:
        held = {form: large.held(form, size * large.MEGABYTE).longest_ms for form in large.FORMS}
        worst = max(held, key=held.__getitem__)
        told[f"large_{size}mb_held_ms"] = round(held[worst], 3)
        say(f"bodies of {size} MB: the loop is held for {held[worst]:.2f} ms at most ({worst}), "
            f"{held['prose']:.2f} ms by prose")  # fmt: skip
    return told


def accuracy(data: Path) -> dict[str, Any]:
    """Both tiers' accuracy on the domain of a question, as `make show NAME=domain` measures it."""
    from bench.classify.claim import DATA
    from bench.domain import measure

    taught = DATA.resolve() if DATA.is_dir() and DATA.resolve() != data.resolve() else None
    found = measure(data, taught)
    return {name: value for name, value in found.items() if "macro_f1" in name}


def say(line: str) -> None:
    """Progress goes to stderr."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
