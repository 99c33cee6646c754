"""Calls that wait for a replica that is started because they wait; and what of calls is counted."""

from router.intake import apply
from tests.router.extproc.plane import Plane, body, endpoint, endpoint_of, headers
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
