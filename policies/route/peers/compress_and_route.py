"""fleet-sim's compress-and-route: prompts a little too long for the short pool are compressed to fit it.

Source: vllm-project/semantic-router's fleet-sim (HEAD, 2026-08), CompressAndRouteRouter (FleetOpt, arXiv 2603.16514):
at most B tokens in all go short; up to gamma x B, the prompt is cut to B - output tokens and goes short, unless the
output alone fills the slot; the others go long. A kernel rewrites no prompt: it routes as if, and whoever acts on it
must compress, or account for it, by `compressed_prompt_tokens`; an engine sent the whole prompt may refuse it. The
source never compresses code; a request does not say what it is, so all are taken for prose, its best case.
"""

from dataclasses import dataclass
from typing import ClassVar

from policies.cached import Cached
from policies.compilable import compilable
from policies.fleet import Table
from policies.policy import Kernel, Routing, Settings, route
from policies.request import Ask
from policies.route.peers.length_split import least_queue, output_tokens, short_and_long, total_tokens


@compilable
def compressed_prompt_tokens(ask: Ask, threshold: float, gamma: float) -> float:
    """The prompt's tokens once compressed to fit the short pool; as many as before where it is not compressed."""
    target, total = threshold - output_tokens(ask), total_tokens(ask)
    return target if threshold < total <= gamma * threshold and target > 0.0 else ask.prompt_tokens


@compilable
def kernel(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    """The least queue of the short pool if the request fits it, compressed where need be, else of the long one."""
    short, long = short_and_long(ask, fleet)
    tokens = compressed_prompt_tokens(ask, settings[0], settings[1]) + output_tokens(ask)
    return least_queue(ask, fleet, short if tokens <= settings[0] else long)


@route
@dataclass(frozen=True, slots=True, kw_only=True)
class CompressAndRoute(Routing):
    """Two pools by total length after compression."""

    threshold: float = 4096.0  # B: the most tokens, prompt and output, of the short pool's requests
    gamma: float = 1.5  # requests of up to gamma x B tokens are compressed to B

    kernel: ClassVar[Kernel] = staticmethod(kernel)
    origin: ClassVar[str] = "fleet-sim"
    uses_cached: ClassVar[bool] = False
