"""Engines and jobs for tests: small, fast, with round numbers."""

from hypothesis import strategies as st

from policies.perf.latency import LatencyModel
from policies.perf.profiles import latency_model
from sims.replica.engine import Engine
from sims.replica.jobs import Event, Job

BLOCK = 4


def perf(kv_tokens: int = 400, chunk_tokens: int = 32, max_seqs: int = 4) -> LatencyModel:
    return latency_model("h100-sxm", "llama-3.1-8b", kv_tokens=kv_tokens, chunk_tokens=chunk_tokens, max_seqs=max_seqs)


def chain(prompt: int, family: int, shared: int) -> tuple[int, ...]:
    """Hashes of a prompt's blocks whose first `shared` ones are the family's."""
    return tuple((1 if i < shared else 1000 + prompt) * 10_000 + family * 1_000 + i for i in range(prompt // BLOCK))


@st.composite
def arrivals(draw: st.DrawFn, most: int = 14) -> list[tuple[float, Job]]:
    """Jobs with their times, rising; some share prefixes, some name their output's blocks."""
    now, jobs = 0.0, []
    for index in range(draw(st.integers(1, most))):
        now += draw(st.sampled_from([0.0, 0.001, 0.013, 0.2]))
        prompt, output = draw(st.integers(1, 90)), draw(st.integers(1, 60))
        blocks = chain(prompt, draw(st.integers(0, 2)), draw(st.integers(0, 12)))
        named = (prompt + output - 1) // BLOCK - prompt // BLOCK if draw(st.booleans()) else 0
        outputs = tuple(10**9 + index * 1000 + i for i in range(named))
        job = Job(id=f"r{index}", prompt_tokens=prompt, output_tokens=output, blocks=blocks, output_blocks=outputs)
        jobs.append((now, job))
    return jobs


def play(engine: Engine, jobs: list[tuple[float, Job]], until: float = 1e4) -> list[Event]:
    """Submit every job at its time and run until all are done."""
    events: list[Event] = []
    for at, job in jobs:
        events += engine.advance(at)
        engine.submit(job, at)
    return events + engine.advance(until)
