"""The endpoint's health service, beside the calls it is asked about."""

from grpc_health.v1 import health_pb2

from router.extproc.health import CHECK, WATCH
from tests.router.extproc.plane import Plane, endpoint

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


def statuses(plane: Plane, call: int) -> list[int]:
    plane._take()
    raw, found = plane._messages.pop(call, b""), []
    while raw:
        size = int.from_bytes(raw[1:5], "big") + 5
        found.append(health_pb2.HealthCheckResponse.FromString(raw[5:size]).status)
        raw = raw[size:]
    return found


def test_readiness_follows_the_fleet_and_liveness_does_not() -> None:
    made = endpoint(1)
    plane = Plane(made).greet()
    for ready, wanted in ((True, SERVING), (False, NOT_SERVING)):
        made.core.view.set_ready(0, ready)
        readiness, liveness = plane.call(CHECK), plane.call(CHECK)
        plane.say(readiness, health_pb2.HealthCheckRequest(service="readiness"), ends=True)
        plane.say(liveness, health_pb2.HealthCheckRequest(service="liveness"), ends=True)
        assert statuses(plane, readiness) == [wanted]
        assert statuses(plane, liveness) == [SERVING]
        assert plane.status(readiness) == "0"


def test_a_service_that_is_not_here_is_not_found() -> None:
    plane = Plane(endpoint()).greet()
    call = plane.call(CHECK)
    plane.say(call, health_pb2.HealthCheckRequest(service="other"), ends=True)
    assert plane.status(call) == "5"


def test_who_watches_is_told_of_changes_alone() -> None:
    made = endpoint(1)
    plane = Plane(made).greet()
    call, other = plane.call(WATCH), plane.call(WATCH)
    plane.say(call, health_pb2.HealthCheckRequest())
    plane.say(other, health_pb2.HealthCheckRequest(service="other"))
    made.sweep(0.0)
    made.core.view.set_ready(0, False)
    made.sweep(0.0)
    assert statuses(plane, call) == [SERVING, NOT_SERVING]
    assert statuses(plane, other) == [UNKNOWN]
    plane.connection.connection_lost(None)
    made.sweep(0.0)
    assert not made._watches
