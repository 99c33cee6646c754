"""Counts of workers, what Prometheus is shown of them, and the small parts around them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from policies.decision import Outcome, Refusal
from router.counts import DemandCounts
from router.estimate import Estimate
from router.exposition import Exposition, merged
from router.gateway.usage import numbers
from router.metrics import Metrics
from router.refusals import REASONS, TABLE, error_body, refusal
from router.settings import Settings, default
from tests.router.caller import parse


def counted(requests: int = 2, status: int = 200) -> Metrics:
    metrics = Metrics()
    for _ in range(requests):
        metrics.decision(2e-5)
        metrics.first_token("m", "p", 0.1, 0.2)
        metrics.end("m", "p", 32.0, 0.001, Outcome(status < 400, 0.2, 0.01, 1.0, 40, 5, 16, status=status))
    metrics.refused("unknown-model")
    metrics.retried("connect")
    metrics.continued("reset")
    metrics.handed_over("done")
    metrics.broke_off("stall")
    return metrics


def shown(exposition: Exposition) -> dict[str, float]:
    """Every sample by name and labels, as a scraper reads it."""
    text = generate_latest(exposition.registry).decode()
    samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
    return {f"{one.name}{sorted(one.labels.values())}": one.value for one in samples}


def test_counts_appear_under_the_names_of_the_field() -> None:
    exposition = Exposition()
    exposition.told(0, counted().snapshot())
    seen = shown(exposition)
    assert seen["weir_requests_total['200', 'm', 'p']"] == 2.0
    assert seen["weir_ttft_seconds_count['m', 'p']"] == 2.0
    assert seen["weir_ttft_seconds_sum['m', 'p']"] == pytest.approx(0.4)
    assert seen["weir_ttft_seconds_bucket['0.25', 'm', 'p']"] == 2.0
    assert seen["weir_ttft_seconds_bucket['0.1', 'm', 'p']"] == 0.0
    assert seen["weir_prompt_tokens_total['m', 'p']"] == 80.0
    assert seen["weir_cached_tokens_error_total['m', 'p']"] == 32.0
    assert seen["weir_refused_total['unknown-model']"] == 1.0
    assert seen["weir_retries_total['connect']"] == 1.0
    assert seen["weir_continuations_total['reset']"] == 1.0
    assert seen["weir_handovers_total['done']"] == 1.0
    assert seen["weir_replies_broken_total['stall']"] == 1.0
    assert seen["weir_decision_seconds_count[]"] == 2.0
    assert seen["weir_ttft_relative_error_sum['m', 'p']"] == pytest.approx(1.0)


def test_workers_are_summed_and_a_dead_ones_counts_stay() -> None:
    exposition = Exposition()
    for worker in (0, 1):
        exposition.told(worker, counted().snapshot())
    before = shown(exposition)
    exposition.ended(1)
    exposition.told(1, Metrics().snapshot())
    after = shown(exposition)
    counters = [name for name in before if "_total" in name or "_count" in name or "_bucket" in name or "_sum" in name]
    assert counters
    assert {name: before[name] for name in counters} == {name: after[name] for name in counters}
    assert after["weir_requests_total['200', 'm', 'p']"] == 4.0


def test_what_a_dead_worker_held_is_gone() -> None:
    exposition, told = Exposition(), counted().snapshot()
    told.connections, told.in_flight, told.held, told.rss_bytes = 3, 4, 5, 6
    exposition.told(0, told)
    assert shown(exposition)["weir_connections[]"] == 3.0
    exposition.ended(0)
    seen = shown(exposition)
    assert [seen[f"weir_{name}[]"] for name in ("connections", "in_flight_requests", "queued_requests")] == [0.0] * 3
    assert "weir_worker_rss_bytes['0']" not in seen


def test_a_worker_that_died_many_times_is_still_counted_once_per_life() -> None:
    exposition = Exposition()
    for _ in range(5):
        exposition.told(0, counted().snapshot())
        exposition.ended(0)
        exposition.ended(0)
    assert shown(exposition)["weir_requests_total['200', 'm', 'p']"] == 10.0


def test_the_core_that_answers_route_is_no_worker_and_hides_none() -> None:
    exposition, told = Exposition(), counted().snapshot()
    told.rss_bytes, told.knowledge = 6, {"exact": 2}
    exposition.told(-1, counted().snapshot())
    exposition.told(0, told)
    seen = shown(exposition)
    assert seen["weir_replicas['exact']"] == 2.0
    assert "weir_worker_rss_bytes['0']" in seen
    assert "weir_worker_rss_bytes['-1']" not in seen


def test_nothing_counted_is_shown_as_nothing() -> None:
    exposition = Exposition()
    assert shown(exposition)["weir_pool_up[]"] == 1.0
    exposition.pool_is(False)
    assert shown(exposition)["weir_pool_up[]"] == 0.0
    assert merged([]).in_flight == 0


@given(st.lists(st.integers(0, 5), max_size=4))
def test_merging_adds_and_leaves_its_parts_alone(requests: list[int]) -> None:
    parts = [counted(n).snapshot() for n in requests]
    assert sum(merged(parts).decisions.counts) == sum(requests)
    assert sum(merged(parts).decisions.counts) == sum(requests)
    assert merged(parts).refused.get("unknown-model", 0) == len(requests)


def test_failed_requests_are_counted_by_status_alone() -> None:
    (counts,) = counted(3, status=502).snapshot().series.values()
    assert (counts.codes, counts.prompt_tokens, sum(counts.e2e.counts)) == ({502: 3}, 0, 0)


def test_in_flight_rises_and_falls() -> None:
    metrics = Metrics()
    metrics.decision(1e-5)
    assert metrics.in_flight == 1
    metrics.end("m", "p", 0.0, 0.0, Outcome(False, 0.0, 0.0, 0.0, 0, 0, -1))
    assert metrics.in_flight == 0


@pytest.mark.parametrize("reason", Refusal)
def test_every_reason_has_a_status_a_type_and_a_sentence(reason: Refusal) -> None:
    told = refusal(reason, 2.4, "id-1", model="'m'", limit=10, tokens=20, max_tokens=5)
    head, body = told.split(b"\r\n\r\n", 1)
    status, headers = parse(head)
    assert status == TABLE[reason].status
    assert headers["x-request-id"] == "id-1"
    assert headers["x-weir-refused"] == reason.value
    assert int(headers["content-length"]) == len(body)
    assert ("retry-after" in headers) == (status in (429, 503))
    assert b"{model}" not in body


def test_every_status_that_is_used_has_words() -> None:
    assert {told.status for told in TABLE.values()} <= set(REASONS)


def test_a_message_with_quotes_and_braces_is_still_json() -> None:
    assert b'\\"' in error_body('say "hi" to {x}', "t")


def test_estimates_move_towards_what_is_learned_and_stay_in_bounds() -> None:
    estimate = Estimate()
    assert (estimate.prompt_tokens(400), estimate.prompt_tokens(0)) == (100.0, 1.0)
    for _ in range(2000):
        estimate.learn_prompt(3000, 1000)
        estimate.learn_output(50)
    assert estimate.bytes_per_token == pytest.approx(3.0, rel=0.01)
    assert estimate.expected_tokens == pytest.approx(50.0, rel=0.01)


def test_short_prompts_and_absurd_counts_teach_little() -> None:
    estimate = Estimate()
    estimate.learn_prompt(10, 31)
    assert estimate.bytes_per_token == 4.0
    for _ in range(500):
        estimate.learn_prompt(10**9, 32)
    assert estimate.bytes_per_token <= 16.0
    for _ in range(500):
        estimate.learn_prompt(0, 10**9)
    assert estimate.bytes_per_token >= 0.5


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'{"usage":{"prompt_tokens":12,"completion_tokens":3}}', (12, 3, -1)),
        (
            b'{"usage": {"prompt_tokens": 12, "completion_tokens" : 3, "prompt_tokens_details": {"cached_tokens": 8}}}',
            (12, 3, 8),
        ),
        (b'{"usage":null}', (-1, -1, -1)),
        (b"", (-1, -1, -1)),
        (b'{"usage":{"prompt_tokens":null}}', (-1, -1, -1)),
        (b'{"usage":{"prompt_tokens":1}} {"usage":{"prompt_tokens":2}}', (2, -1, -1)),
        (b'"usage":{"prompt_tokens":', (-1, -1, -1)),
        (b'{"content":"\\"usage\\": {\\"prompt_tokens\\": 5}"}', (-1, -1, -1)),
    ],
)
def test_usage_is_read_from_a_replys_bytes(data: bytes, told: tuple[int, int, int]) -> None:
    assert numbers(data) == told


@given(st.binary(max_size=100))
def test_usage_is_read_from_any_bytes_without_a_complaint(data: bytes) -> None:
    assert all(one >= -1 for one in numbers(b'"usage"' + data))


def test_settings_are_frozen_and_their_defaults_can_be_asked_for() -> None:
    with pytest.raises(AttributeError):
        Settings().port = 1  # type: ignore[misc]
    assert default("policy") == Settings().policy == "shortest_ttft"


def test_answers_that_were_judged_and_late_are_shown_by_pool_and_role() -> None:
    exposition = Exposition()
    for worker in range(2):
        snapshot = counted().snapshot()
        snapshot.demand = {"p\tdecode": DemandCounts(ended=5, judged=4, late=1)}
        exposition.told(worker, snapshot)
    exposition.ended(1)
    seen = shown(exposition)
    assert seen["weir_answers_judged_total['decode', 'p']"] == 8.0
    assert seen["weir_answers_late_total['decode', 'p']"] == 2.0
