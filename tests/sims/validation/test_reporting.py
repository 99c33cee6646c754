from math import inf

from policies.perf.profiles import latency_model
from sims.replica.jobs import Job
from sims.validation.reporting import ReportingEngine

BLOCK = 16
PERF = latency_model("h100-sxm", "llama-3.1-8b", 1, chunk_tokens=512, max_seqs=4, slowdown=1.0, kv_tokens=8192)


def job(name: str, prompt: int, output: int = 40) -> Job:
    """A job without blocks."""
    return Job(id=name, prompt_tokens=prompt, output_tokens=output)


def test_an_idle_engine_shows_nothing() -> None:
    assert ReportingEngine(PERF, BLOCK).gauges(3.0) == (0, 0, 0)


def test_a_request_is_not_shown_before_its_first_step_has_ended() -> None:
    engine = ReportingEngine(PERF, BLOCK)
    engine.submit(job("a", 512), 0.0)
    end = PERF.step(0.0, 0.0, 512.0, 512.0 * 256.0)
    assert engine.gauges(0.9 * end) == (0, 0, 0)
    assert engine.gauges(1.01 * end) == (1, 0, 512)


def test_requests_that_come_during_a_step_are_not_waiting_until_one_was_formed_without_them() -> None:
    engine = ReportingEngine(PERF, BLOCK)
    engine.submit(job("a", 512), 0.0)
    first_s = PERF.step(0.0, 0.0, 512.0, 512.0 * 256.0)
    for name in "bcd":
        engine.submit(job(name, 512), 0.5 * first_s)
    assert engine.gauges(0.9 * first_s).waiting == 0
    assert engine.gauges(1.01 * first_s).waiting == 0
    second_s = engine.next_time()
    assert engine.gauges(1.0001 * second_s).waiting == 2


def test_a_full_engine_shows_its_queue() -> None:
    engine = ReportingEngine(PERF, BLOCK)
    for i in range(6):
        engine.submit(job(str(i), 16, output=400), 0.0)
    gauges = engine.gauges(1.0)
    assert (gauges.running, gauges.waiting) == (4, 2)


def test_memory_in_use_grows_with_every_step_that_is_done() -> None:
    engine = ReportingEngine(PERF, BLOCK)
    engine.submit(job("a", 16, output=400), 0.0)
    used = [engine.gauges(at).kv_used_tokens for at in (0.5, 1.0, 1.5)]
    assert used[0] < used[1] < used[2]
    # As vLLM does, the blocks of the step in flight are taken already.
    assert all(tokens % BLOCK == 0 for tokens in used)


def test_what_has_ended_is_shown_as_gone() -> None:
    engine = ReportingEngine(PERF, BLOCK)
    engine.submit(job("a", 64, output=5), 0.0)
    while engine.next_time() < inf:
        engine.advance(engine.next_time())
    assert engine.gauges(9.0) == (0, 0, 0)
