"""Calls that wait for a replica that is started because they wait; and what of calls is counted."""

import pytest

from router.extproc import frames
from router.extproc.endpoint import Endpoint
from router.intake import apply
from tests.router.extproc.plane import (
    DUPLEX,
    HIDDEN,
    Plane,
    body,
    endpoint,
    endpoint_of,
    headers,
    reply_body,
    reply_headers,
)
from tests.router.routers import described
from weir.v1 import fleet_pb2


def test_a_pool_at_zero_is_waited_for_and_no_more_wait_than_may() -> None:
    made = endpoint(1, hold_s=0.0, most_held=1)
    made.core.view.set_ready(0, False)
    coming = fleet_pb2.Directions(elastic=[described("p-0", "")])
    apply(made.core, fleet_pb2.FleetUpdate(directions=coming))
    plane = Plane(made).greet()
    first, second = plane.call(), plane.call()
    plane.say(first, headers(), body())
    made.release()
    assert (plane.heard(first), made.waiting()) == ([], ["m"])
    plane.say(second, headers(), body())
    (answer,) = plane.heard(second)
    assert answer.immediate_response.status.code == 503
    made.core.view.set_ready(0, True)
    made.release()
    assert endpoint_of(plane.heard(first)[0]) == "10.0.0.1:8000"
    assert (made.waiting(), made.core.metrics.held) == ([], 0)


def test_an_endpoint_with_nobody_is_well_while_somebody_may_come() -> None:
    made = endpoint(1)
    made.core.view.set_ready(0, False)
    assert not made._ready()
    apply(made.core, fleet_pb2.FleetUpdate(directions=fleet_pb2.Directions(elastic=[described("p-0", "")])))
    assert made._ready()


def test_a_request_that_is_turned_away_for_its_objective_was_never_sent() -> None:
    made = endpoint(1, objectives=(("low", -1),), ttft_slo_s=1e-9)
    plane = Plane(made).greet()
    call = plane.call()
    plane.say(call, headers(x_gateway_inference_objective="low"), body())
    assert plane.heard(call)[0].immediate_response.status.code == 429
    assert not made.core.tally.pools


def counted(made: Endpoint) -> tuple[int, int, int, int]:
    """Sent, ended, judged and late."""
    (counts,) = made.core.tally.pools.values()
    return counts.arrived, counts.ended, counts.judged, counts.late


USAGE = b'{"choices":[],"usage":{"prompt_tokens":40,"completion_tokens":5}}'


@pytest.mark.parametrize(("ttft_slo_s", "late"), [(60.0, 0), (1e-9, 1)])
def test_a_reply_that_is_shown_is_judged(ttft_slo_s: float, late: int) -> None:
    made = endpoint(1, ttft_slo_s=ttft_slo_s, tpot_slo_s=60.0 * ttft_slo_s)
    plane = Plane(made).greet()
    call = plane.call()
    plane.say(call, headers(), body(), reply_headers(200), reply_body(USAGE))
    assert counted(made) == (1, 1, 1, late)
    assert next(iter(made.core.tally.pools.values())).output_tokens == 5


@pytest.mark.parametrize("replies", [(), (200,)])
def test_of_a_reply_that_is_not_shown_nothing_is_known(replies: tuple[int, ...]) -> None:
    made = endpoint(1, ttft_slo_s=1e-9)
    plane = Plane(made).greet()
    call = plane.call(x_weir_calls="stay")
    plane.say(call, headers(DUPLEX, HIDDEN), body(), *[reply_headers(each) for each in replies])
    plane.write(frames.reset(call, frames.CANCEL))
    made.sweep(1e18)
    arrived, ended, judged, late = counted(made)
    assert (arrived, judged, late) == (1, 0, 0)
    assert ended == 1


def test_a_client_that_goes_before_a_reply_that_would_be_shown_has_begun_is_not_judged() -> None:
    made = endpoint(1, ttft_slo_s=60.0)
    plane = Plane(made).greet()
    call = plane.call()
    plane.say(call, headers(), body())
    plane.write(frames.reset(call, frames.CANCEL))
    assert counted(made)[2:] == (0, 0)
