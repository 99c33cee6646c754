"""Clients in a closed loop on one replica, in closed form: what a token and a first token cost them on average."""

from typing import NamedTuple

from policies.perf.latency import LatencyModel
from sims.calibrate.measurements import Steady


class Shares(NamedTuple):
    """Mean seconds of a setting, engine alone."""

    ttft_s: float  # without the prompts that come at the same time
    tpot_s: float
    round_s: float  # what a first token waits when all clients send theirs at once


def steady(one: Steady, latency: LatencyModel) -> Shares:
    """Mean times of a setting.

    While a client makes its output, every other client has one prompt computed: with P engine seconds a prompt and D a
    decode step, a token takes D + clients·P/output. A first token waits for half the step in flight, and for a place
    where the clients outnumber the places; in a round that begins together, for half of the others' prompts.
    """
    held = one.prompt + 0.5 * one.output
    running = min(one.clients, float(latency.max_seqs), max(1.0, latency.kv_tokens / held))
    alone = latency.prefill_seconds(one.prompt)
    beside = latency.slowdown * (latency.token_s * one.prompt + latency.attention_s * one.prompt**2 / 2.0)
    tpot = latency.decode_seconds(running, running * held) + running * beside / one.output
    place = (one.clients / running - 1.0) * (one.output * tpot + alone)
    return Shares(alone + min(1.0, running - 1.0) * tpot / 2.0 + place, tpot, (running - 1.0) / 2.0 * beside)
