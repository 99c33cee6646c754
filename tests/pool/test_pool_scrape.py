"""An engine's metrics page in the few numbers that matter."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.scrape import MOST_ADAPTERS, MOST_TOKENS, Reading, adapters, longest, read
from tests.pool.fakes import METRICS

SGLANG = b"""sglang:num_running_reqs{model_name="m"} 5.0
sglang:num_queue_reqs{model_name="m"} 2.0
sglang:token_usage{model_name="m"} 0.5
sglang:max_total_num_tokens{model_name="m"} 4096.0
"""


def test_a_vllm_page_is_read() -> None:
    page = (METRICS % 1234.5).encode()
    expected = Reading(running=3, waiting=35, kv_used=0.25, kv_tokens=320, block_tokens=4, blocks=80, started=1234.5)
    assert read(page) == expected


def test_an_sglang_page_is_read() -> None:
    assert read(SGLANG) == Reading(running=5, waiting=2, kv_used=0.5, kv_tokens=4096)


def test_older_pages_name_the_gpu_cache() -> None:
    assert read(b"vllm:gpu_cache_usage_perc 0.75\n").kv_used == 0.75


def test_ranks_add_up_and_shares_are_averaged() -> None:
    page = b"".join(
        b'vllm:num_requests_running{engine="%d"} 2\nvllm:kv_cache_usage_perc{engine="%d"} %s\n'
        b'vllm:cache_config_info{block_size="16",engine="%d",num_gpu_blocks="10"} 1\n' % (rank, rank, share, rank)
        for rank, share in ((0, b"0.2"), (1, b"0.4"))
    )
    reading = read(page)
    assert (reading.running, round(reading.kv_used, 9), reading.kv_tokens) == (4, 0.3, 320)


def test_what_is_no_number_is_nothing() -> None:
    page = b'vllm:num_requests_running NaN\nvllm:num_requests_waiting -3\nvllm:cache_config_info{block_size="None"} 1\n'
    assert read(page + b"process_start_time_seconds") == Reading()


@given(
    st.binary(max_size=300)
    | st.lists(st.sampled_from(METRICS.split()), max_size=30).map(lambda w: " ".join(w).encode())
)
def test_no_page_makes_it_fail(page: bytes) -> None:
    assert isinstance(read(page), Reading)


def listed(*models: Any) -> bytes:
    return json.dumps({"object": "list", "data": list(models)}).encode()


def test_adapters_are_the_models_that_have_a_parent() -> None:
    page = listed({"id": "m", "parent": None}, {"id": "b", "parent": "m"}, {"id": "a", "parent": "m"}, {"id": "n"})
    assert adapters(page) == ("a", "b")


def test_an_engine_without_adapters_says_so() -> None:
    assert adapters(listed({"id": "m"})) == ()


@pytest.mark.parametrize("page", [
    b"", b"no", b"[]", b"{}", b"null", b'{"data":3}', b'{"data":[3]}', listed({"parent": "m"}),
    listed({"id": 3, "parent": "m"}), listed({"id": ["a"], "parent": "m"}), b"[" * 100_000, b'{"data":[{"id":"\xff"}]}',
    listed(*({"id": str(i), "parent": "m"} for i in range(MOST_ADAPTERS + 1))),
])  # fmt: skip
def test_a_page_that_is_no_list_of_models_says_nothing(page: bytes) -> None:
    assert adapters(page) is None


@given(st.binary(max_size=80))
def test_any_bytes_are_adapters_or_nothing(page: bytes) -> None:
    assert adapters(page) is None or isinstance(adapters(page), tuple)


def test_the_longest_request_is_what_the_tightest_of_its_models_takes() -> None:
    assert (
        longest(listed({"id": "m", "max_model_len": 8192}, {"id": "a", "parent": "m", "max_model_len": 4096})) == 4096
    )


@pytest.mark.parametrize("limit", [None, 0, -1, True, "8192", 1.5, MOST_TOKENS + 1, [8192]])
def test_a_limit_that_cannot_be_one_is_none(limit: Any) -> None:
    assert longest(listed({"id": "m", "max_model_len": limit})) == 0
    assert longest(listed({"id": "m", "max_model_len": limit}, {"id": "n", "max_model_len": 77})) == 77


@given(st.binary(max_size=80))
def test_any_bytes_are_a_limit_or_none(page: bytes) -> None:
    assert longest(page) >= 0
