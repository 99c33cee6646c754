"""The driver in a test's own time: what is sent, and exactly when."""

from typing import Any, cast

import pytest

from policies.perf.latency import LatencyModel
from sims.emulator.answer import Answer
from sims.emulator.clock import Clock
from sims.emulator.driver import TIMER_S, Driver
from sims.emulator.frames import TextFrames
from sims.emulator.reply import Choice, Reply
from sims.replica.jobs import Job
from tests.sims.emulator.emulation import Heard, Loop, perf, replica


def choice(heard: Heard, name: str, prompt: int, output: int, stream: bool = True) -> Choice:
    words = tuple(f" w{i}" for i in range(output))
    said = Answer(texts=words, ids=tuple(range(output)), finish="length", stop_reason=None)
    reply = Reply(heard.as_exchange(), TextFrames(name, "tiny"), prompt, stream)
    made = Choice(
        reply, 0, Job(id=name, prompt_tokens=prompt, output_tokens=output), said, [0] * prompt, [0] * (prompt + output)
    )
    reply.add(made)
    return made


def driver(loop: Loop, scale: float = 1.0, interval: int = 1, **changes: Any) -> Driver:
    return Driver(replica(**changes), Clock(cast("Any", loop), scale), interval, None)


def boundaries(model: LatencyModel, prompt: int, output: int) -> list[float]:
    at = [model.step(0, 0, prompt, prompt * prompt / 2)]
    for emitted in range(1, output):
        at.append(at[-1] + model.step(1, prompt + emitted))
    return at


def test_every_token_is_sent_when_its_step_ends() -> None:
    loop = Loop()
    heard = Heard(loop)
    driver(loop).submit([choice(heard, "a", 100, 5)])
    loop.run(1.0)
    sent = [at - TIMER_S for at, event in heard.events if b"choices" in event and event]
    assert sent[-5:] == pytest.approx(boundaries(perf(), 100, 5))
    assert heard.ended


def test_time_can_run_faster_than_the_wall() -> None:
    loop = Loop()
    heard = Heard(loop)
    driver(loop, scale=10.0).submit([choice(heard, "a", 100, 50, stream=False)])
    loop.run(1.0)
    ((at, _),) = heard.events
    assert at - TIMER_S == pytest.approx(boundaries(perf(), 100, 50)[-1] / 10.0)


def test_the_front_end_delays_a_request_before_the_engine_sees_it() -> None:
    loop = Loop()
    heard = Heard(loop)
    driven = driver(loop, perf=perf(frontend_s=0.25))
    driven.submit([choice(heard, "a", 100, 1, stream=False)])
    loop.run(0.24)
    assert driven.engine.load().waiting == 0
    loop.run(1.0)
    assert heard.events[0][0] - TIMER_S == pytest.approx(0.25 + boundaries(perf(), 100, 1)[0])


def test_a_stream_interval_wakes_the_loop_only_as_often_as_it_sends() -> None:
    loop = Loop()
    heard = Heard(loop)
    driver(loop, interval=10).submit([choice(heard, "a", 100, 41)])
    loop.run(1.0)
    expected = boundaries(perf(), 100, 41)
    sent = sorted({at - TIMER_S for at, _ in heard.events})
    assert sent == pytest.approx([expected[i] for i in (0, 10, 20, 30, 40)], abs=TIMER_S)


def test_a_cancelled_choice_hears_nothing_more_and_the_engine_is_empty() -> None:
    loop = Loop()
    heard, other = Heard(loop), Heard(loop)
    driven, gone = driver(loop), choice(heard, "a", 100, 500)
    driven.submit([gone])
    driven.submit([choice(other, "b", 50, 10)])
    loop.run(0.1)
    driven.cancel([gone])
    count = len(heard.events)
    loop.run(20.0)
    assert len(heard.events) == count
    assert other.ended
    assert driven.engine.load()[:6] == (0, 0, 0, 0, 0, 0)
    assert driven.metrics.successes == {"stop": 0, "length": 1, "abort": 1, "error": 0}


def test_a_choice_cancelled_before_the_engine_saw_it_never_runs() -> None:
    loop = Loop()
    driven = driver(loop, perf=perf(frontend_s=0.25))
    early = choice(Heard(loop), "a", 100, 500)
    driven.submit([early])
    driven.cancel([early])
    loop.run(1.0)
    assert driven.engine.load().busy_s == 0.0
