"""Real vLLM behind the gateway, in figures: `python -m bench.vllm_e2e`."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.engines.fleet import ADAPTERS, MODEL, Engines, engines
from bench.gateway.installs import InstallError
from bench.vllm_e2e import comparison
from bench.vllm_e2e.handover import ROLES, Handed, requests, through_weir
from bench.vllm_e2e.kills import Survived, streams, through_a_kill
from bench.vllm_e2e.prefixes import followed, homes, streamed
from bench.vllm_e2e.stack import weir_over

SEED = 20
TARGETS: Mapping[str, dict[str, float]] = {
    "requests_compared": {"least": 200},
    "predicted_equals_reported_share": {"least": 1.0},
    "openai_streams_equal": {"least": 1},
    "went_where_the_prefix_is_share": {"least": 1.0},
    "streams_killed": {"least": 1},
    "killed_equal_share": {"least": 1.0},
    "handed_over": {"least": 1},
    "handed_over_equal_share": {"least": 1.0},
}


def main() -> int:
    """Print progress (stderr) and one JSON line (stdout)."""
    begun, plan = time.monotonic(), parse()
    try:
        with engines(2, say) as pair, tempfile.TemporaryDirectory(prefix="weir-e2e-") as folder:
            found = figures(pair, Path(folder), plan)
    except InstallError as error:
        say(f"vLLM cannot be installed here: {error}")
        return 1
    summary = {
        "name": "vllm-e2e",
        "figures": found,
        "target": TARGETS,
        "met": all(found[name] >= bound["least"] for name, bound in TARGETS.items()),
        "seconds": round(time.monotonic() - begun, 1),
    }
    print(json.dumps(summary), flush=True)
    return 0


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.vllm_e2e", description=__doc__)
    parser.add_argument("--requests", type=int, default=220, help="compared one after another")
    parser.add_argument("--openings", type=int, default=12, help="prompts that another one goes on from")
    parser.add_argument("--streams", type=int, default=8, help="open when an engine is killed, twice")
    parser.add_argument("--handovers", type=int, default=8)
    parser.add_argument("--seed", type=int, default=SEED)
    return parser.parse_args()


def figures(pair: Engines, folder: Path, plan: argparse.Namespace) -> dict[str, Any]:
    """All proofs on one pair of engines; the kills come last, for they cost a start each."""
    found = cached_tokens(pair, folder / "mixed", plan)
    found |= handed_over(pair, folder / "parted", plan)
    return found | killed(pair, folder, plan)


def cached_tokens(pair: Engines, folder: Path, plan: argparse.Namespace) -> dict[str, Any]:
    """What was predicted of the engines' caches."""
    with weir_over(pair, folder) as weir:
        say("the OpenAI client, and prompts that go on from others")
        heard, again = streamed(weir, pair.members[0].url), followed(weir, plan.openings)
        say(f"{plan.requests} mixed requests, one after another")
        alone = comparison.in_turn(weir, plan.requests, plan.seed)
        tell_unequal(alone)
        say("and some at once")
        crowd = comparison.at_once(weir, clients=8, turns=4, seed=plan.seed)
    return {
        "openai_streams_equal": int(heard.equal),
        "went_where_the_prefix_is_share": round(sum(one.home for one in again) / max(len(again), 1), 4),
        "prefix_homes": homes(again),
        "requests_compared": len(alone),
        "predicted_equals_reported_share": round(comparison.equal_share(alone), 4),
        "kinds_of_request": len({one.kind for one in alone}),
        "prompt_tokens_from_cache_share": round(comparison.cached_share(alone), 4),
        "equal_share_when_concurrent": round(comparison.equal_share(crowd), 4),
    }


def tell_unequal(found: Sequence[comparison.Compared]) -> None:
    """Each request that was not known to the token."""
    for one in found:
        if not one.equal:
            say(f"not equal: {one}")


def handed_over(pair: Engines, folder: Path, plan: argparse.Namespace) -> dict[str, Any]:
    """What prefill here and decode there came to."""
    prefill, decode = (member.url for member in pair.members)
    say(f"{plan.handovers} requests prefilled on one engine, decoded on the other")
    with weir_over(pair, folder, ROLES) as weir:
        found = through_weir(weir, decode, prefill, requests(plan.handovers, plan.seed), "parted")
    moved = [one for one in found if one.fetched]
    return {"handed_over": len(moved), "handed_over_equal_share": share(found)}


def killed(pair: Engines, folder: Path, plan: argparse.Namespace) -> dict[str, Any]:
    """What became of streams whose engine was killed: first the model's, then its adapters'."""
    found: list[Survived] = []
    for number, models in enumerate(((MODEL,), ADAPTERS)):
        pair.start(say)
        victim, other = pair.members[number], pair.members[1 - number]
        say(f"{plan.streams} streams of {' and '.join(models)}, and {victim.name} killed in the middle")
        asked = streams(plan.streams, plan.seed + number, models)
        with weir_over(pair, folder / f"kill-{number}") as weir:
            found += through_a_kill(weir, victim, f"vllm-{number}", asked, other.url)
    struck = [one for one in found if one.struck]
    return {
        "streams": len(found),
        "streams_killed": len(struck),
        "killed_equal_share": share(struck),
        "all_streams_equal_share": share(found),
    }


def share(found: Sequence[Survived | Handed]) -> float:
    """Of all, those that a client could not tell from one engine's."""
    return round(sum(one.equal for one in found) / max(len(found), 1), 4)


def say(line: str) -> None:
    """Progress goes to stderr."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
