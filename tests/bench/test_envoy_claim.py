"""The claim `envoy`: its figures from samples, and the processor in C that shows what Envoy alone takes."""

import shutil
import socket
import subprocess
from collections.abc import Iterator

import pytest

from bench.envoy import configs
from bench.envoy.__main__ import CONNECTIONS, TARGETS, figures
from bench.envoy.contestants import AIO, ALONE, IDEAL, NOOP, WEIR, contestants, ideal
from bench.gateway.measure import Results
from bench.gateway.places import make_folders
from bench.gateway.sample import Sample
from router.extproc import frames
from router.extproc.heads import DONE
from tests.router.extproc.plane import BUFFERED, body, headers, split
from tests.router.fakes import refused_port
from weir.v1 import ext_proc_pb2 as pb


def sample(target: str, connections: int, cost_us: float, turn: int = 0, errors: int = 0) -> Sample:
    return Sample(
        target=target, cell=f"chat c={connections}", round=turn, rps=1e6 / cost_us, events_per_s=0.0,
        latency_p50_us=10 * cost_us, latency_p99_us=20 * cost_us, ttft_p50_us=None, ttft_p99_us=None, gap_p99_us=None,
        cpu_us_request=cost_us, cpu_us_event=None, cores=1.0, rss_mb=1.0, busiest_mb=1.0, other_cores=0.1,
        errors=errors, upstreams={},
    )  # fmt: skip


def measured(**costs: float) -> dict[str, float | None]:
    told = {"weir": 160.0, "envoy": 60.0, "ideal": 120.0, "grpc_aio": 960.0, **costs}
    return figures(Results(samples=[sample(name, c, told[name]) for name in told for c in CONNECTIONS]))


def test_requests_per_core_are_compared_within_a_round() -> None:
    found = measured()
    assert found["rps_per_core_over_envoy_c64"] == 0.375
    assert found["rps_per_core_over_grpc_aio_c64"] == 6.0
    assert found["weir_added_p50_ms_c16"] == 1.0


def test_what_envoy_alone_takes_with_a_processor_stands_beside_it() -> None:
    found = measured()
    assert found["ideal_rps_per_core_over_envoy_c64"] == 0.5
    assert found["rps_per_core_over_ideal_c64"] == 0.75


def test_who_was_not_measured_has_no_figure_and_meets_nothing() -> None:
    found = figures(Results(samples=[sample(WEIR, 64, 100.0)]))
    assert found["rps_per_core_over_envoy_c64"] is None
    assert not TARGETS["rps_per_core_over_envoy_c64"].holds(found["rps_per_core_over_envoy_c64"])


def test_a_failed_request_of_weirs_is_an_error_and_nobody_elses_is() -> None:
    samples = [sample(WEIR, 16, 100.0, errors=2), sample(AIO, 16, 100.0, errors=5)]
    assert figures(Results(samples=samples))["errors"] == 2


def test_every_contestant_has_ports_of_its_own() -> None:
    peers = contestants()
    assert {ALONE, NOOP, IDEAL, AIO, WEIR} <= {peer.name for peer in peers}
    assert len({peer.port for peer in peers}) == len(peers)


def test_a_call_that_stays_open_says_so_to_weir() -> None:
    ahead, buffered = configs.ext_proc(configs.AHEAD), configs.ext_proc(configs.modes(configs.BUFFERED, replies=False))
    assert "x-weir-calls" in str(ahead["grpc_service"])
    assert "x-weir-calls" not in str(buffered["grpc_service"])
    assert ahead["send_body_without_waiting_for_header_response"]


@pytest.fixture
def processor() -> Iterator[socket.socket]:
    if shutil.which("gcc") is None:
        pytest.skip("no C compiler is installed here")
    make_folders()
    port = refused_port()
    with subprocess.Popen(ideal(port)) as process:
        peer = connected(port)
        yield peer
        peer.close()
        process.terminate()


def connected(port: int) -> socket.socket:
    """A connection to a program that is about to listen."""
    while True:
        peer = socket.socket()
        peer.settimeout(10.0)
        try:
            peer.connect(("127.0.0.1", port))
        except ConnectionRefusedError:
            peer.close()
        else:
            return peer


def test_the_processor_in_c_lets_headers_and_bodies_go_on(processor: socket.socket) -> None:
    asked = [headers(BUFFERED).SerializeToString(), body().SerializeToString()]
    framed = b"".join(len(one).to_bytes(5, "big") + one for one in asked)
    processor.sendall(
        frames.PREFACE + frames.settings({}) + frames.frame(frames.HEADERS, frames.END_HEADERS, 1, b"\x83")
    )
    processor.sendall(frames.frame(frames.DATA, 0, 1, framed) + frames.frame(frames.DATA, frames.END_STREAM, 1, b""))
    heard = b""
    while not heard.endswith(DONE):
        heard += processor.recv(4096)
    told = [pb.ProcessingResponse.FromString(one.payload[5:]) for one in split(heard) if one.kind == frames.DATA]
    assert told == [
        pb.ProcessingResponse(request_headers=pb.HeadersResponse()),
        pb.ProcessingResponse(request_body=pb.BodyResponse()),
    ]
