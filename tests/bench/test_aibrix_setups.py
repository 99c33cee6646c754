import gzip
from pathlib import Path

import pytest

from bench.aibrix.calibrate import below_knee, fitted, fitted_to, knee, latency
from bench.aibrix.client import BLOCK_TOKENS, WARM_USERS, asked, offered, warm_up
from bench.aibrix.rows import COLUMNS, FOLDER, Row, campaigns
from bench.aibrix.setups import HOST_BYTES, REPLICAS, ROUTERS, order, setup, version
from policies.perf import profiles

A100 = profiles.gpu("a100-80")
MARCH = ("naive", "aibrix_naive_7", "ps_naive", "ps_stack_high_low", "ps_stack_low_high", "aibrix_high_low")
MAY = ("naive", "ps_stack", "aibrix_naive", "aibrix_naive_prefix_routing", "aibrix_kvcache_dram",
       "aibrix_kvcache_external")  # fmt: skip


def row(at: float, user: int, ttft: float = 1.0, question: int = 1, generation: float = 1.4) -> Row:
    """One answered request."""
    return Row(
        at=at,
        user=user,
        question=question,
        prompt_tokens=21_073 + 129 * (question - 1),
        output_tokens=100,
        ttft_s=ttft,
        generation_s=generation,
    )


def write(folder: Path, name: str, lines: list[str]) -> None:
    """A file of rows below the head that campaigns have."""
    place = folder / FOLDER
    place.mkdir(exist_ok=True)
    text = "\n".join([",".join((*COLUMNS, "e2e")), *lines]) + "\n"
    if name.endswith(".gz"):
        (place / name).write_bytes(gzip.compress(text.encode()))
    else:
        (place / name).write_text(text)


def test_rows_are_grouped_by_release_set_up_and_rate_in_the_order_of_sending(tmp_path: Path) -> None:
    write(tmp_path, "x_requests.csv.gz", [
        "v1,naive,0.5,2.0,7,1,21073.0,100.0,1.9,1.4,3.3",
        "v1,naive,0.5,1.0,3,1,21073,100,1.8,1.4,3.2",
        "v1,ps_stack,0.1,0.0,3,2,21202,100,0.2,1.4,1.6",
    ])  # fmt: skip
    found = campaigns(tmp_path)
    assert list(found) == ["v1"]
    assert [each.user for each in found["v1"]["naive"][0.5]] == [3, 7]
    assert found["v1"]["ps_stack"][0.1][0].key == (3, 2)


def test_several_files_are_several_campaigns(tmp_path: Path) -> None:
    line = "naive,0.5,1.0,3,1,21073,100,1.8,1.4,3.2"
    write(tmp_path, "a_requests.csv", [f"v1,{line}"])
    write(tmp_path, "b_requests.csv.gz", [f"v2,{line}"])
    assert set(campaigns(tmp_path)) == {"v1", "v2"}


def test_a_folder_without_rows_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"has no \*requests\.csv\.gz: name a folder"):
        campaigns(tmp_path)


def test_a_malformed_number_is_one_sentence_with_its_row(tmp_path: Path) -> None:
    write(tmp_path, "x_requests.csv", ["v1,naive,0.5,2.0,seven,1,21073,100,1.9,1.4,3.3"])
    with pytest.raises(ValueError, match=r"x_requests\.csv, row 2: a number is missing or malformed"):
        campaigns(tmp_path)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    place = tmp_path / FOLDER
    place.mkdir()
    (place / "x_requests.csv").write_text("release,setup\nv1,naive\n")
    with pytest.raises(ValueError, match="no column 'qps'"):
        campaigns(tmp_path)


@pytest.mark.parametrize("name", [*MARCH, *MAY])
@pytest.mark.parametrize("release", ["v0.2.1", "v0.3.0"])
def test_every_set_up_of_either_campaign_is_known(name: str, release: str) -> None:
    assert setup(name, release, A100).router in ROUTERS


def test_an_unknown_set_up_is_one_sentence() -> None:
    with pytest.raises(ValueError, match="set-up 'mystery' is not one this benchmark knows"):
        setup("mystery", "v0.2.1", A100)


def test_lmcache_holds_everything_outside_and_nothing_in_the_gpu() -> None:
    found = setup("ps_stack_high_low", "v0.2.1", A100)
    assert found.outside is not None
    assert (found.router, found.prefix_caching, found.outside.shared) == ("session", False, False)
    assert found.outside.bytes == HOST_BYTES
    assert found.outside.bytes_per_s < A100.host_bytes_per_s


def test_vineyard_is_one_server_for_all() -> None:
    found = setup("aibrix_high_low", "v0.2.1", A100)
    assert found.outside is not None
    assert found.outside.shared
    assert found.prefix_caching


def test_the_second_engine_chunks_where_no_connector_forbids_it() -> None:
    assert setup("naive", "v0.2.1", A100).whole_prompts
    assert not setup("naive", "v0.3.0", A100).whole_prompts
    assert setup("ps_stack", "v0.3.0", A100).whole_prompts
    assert setup("aibrix_kvcache_dram", "v0.3.0", A100).whole_prompts


def test_releases_compare_as_numbers() -> None:
    assert version("v0.2.1") < (0, 3) <= version("v0.3.0") < version("v0.10")


def test_a_name_says_in_which_order_its_steps_were_run() -> None:
    steps = {0.1: [row(0.0, 1)], 0.5: [row(0.0, 1)]}
    assert order("ps_stack_high_low", "session", steps) == [0.5, 0.1]
    assert order("ps_stack_low_high", "session", steps) == [0.1, 0.5]


def test_where_users_of_the_step_before_were_quicker_steps_went_upwards() -> None:
    low = [row(float(i), i, 1.9) for i in range(10)]
    warm = [row(float(i), i, 0.1 if i < 10 else 1.9) for i in range(20)]
    even = [row(float(i), i, 0.2) for i in range(20)]
    assert order("ps_naive", "session", {0.1: low, 0.5: warm}) == [0.1, 0.5]
    assert order("ps_naive", "session", {0.1: low, 0.5: even}) == [0.5, 0.1]


def test_where_nobody_is_sent_back_the_order_is_upwards() -> None:
    even = [row(float(i), i, 0.2) for i in range(20)]
    assert order("naive", "connections", {0.1: even, 0.5: even}) == [0.1, 0.5]


def test_a_users_prompts_begin_alike_and_share_the_system_prompt_with_all() -> None:
    one, two = asked([row(0.0, 5), row(9.0, 5, question=2)], 100.0)
    other = asked([row(0.0, 6)], 0.0)[0]
    assert one.at == 100.0
    assert two.blocks[: len(one.blocks)] == one.blocks
    assert len(two.blocks) == 21_202 // BLOCK_TOKENS
    shared = [a for a, b in zip(one.blocks, other.blocks, strict=True) if a == b]
    assert len(shared) == 1000 // BLOCK_TOKENS


def test_missing_rows_are_offered_all_the_same() -> None:
    full = [row(float(i), i) for i in range(5)]
    campaign = {"naive": {0.5: full}, "broken": {0.5: full[:2]}}
    assert offered(campaign, 0.5) == full


def test_the_warm_up_asks_every_user_twice() -> None:
    first, *_, last = warm_up([row(0.0, 5), row(9.0, 5, question=2)])
    assert (first.user, last.user) == (2, WARM_USERS)
    assert first.then is not None
    assert (first.then.question, first.then.prompt_tokens) == (2, 21_202)


def test_the_fit_gives_back_the_constants_that_made_the_rows() -> None:
    perf = latency("a100-80", whole_prompts=True)
    cold = 0.06 + 1.1 * perf.prefill_seconds(21_073 - 960, 960)
    tokens = 21_073 - 21_072 // BLOCK_TOKENS * BLOCK_TOKENS
    found = 0.06 + 1.1 * perf.prefill_seconds(tokens, 21_073 - tokens)
    decode = 99 * 1.1 * perf.decode_seconds(1.0, 21_123.0)
    steps = {
        0.1: [row(float(i), i, cold, generation=decode) for i in range(9)],
        0.5: [row(float(i), i, found, generation=decode) for i in range(9)],
    }
    fit = fitted_to("a100-80", steps, True)
    assert fit.slowdown == pytest.approx(1.1, rel=1e-6)
    assert fit.frontend_s == pytest.approx(0.06, abs=1e-9)
    assert fit.decode_error < 0.01
    assert fitted(steps, True).gpu == "a100-80"
    assert fit.perf(True).slowdown == fit.slowdown


def test_without_a_cached_request_all_is_slowdown() -> None:
    steps = {0.1: [row(float(i), i, 2.0) for i in range(9)]}
    fit = fitted_to("a100-80", steps, False)
    assert fit.frontend_s == 0.0
    assert fit.slowdown > 1.0


def test_the_knee_is_where_the_mean_doubles() -> None:
    assert knee({0.1: 2.0, 0.5: 1.0, 0.9: 1.9, 1.3: 2.1}) == 1.3
    assert knee({0.1: 2.0, 0.5: 1.0}) is None


def test_steps_below_the_knee_are_all_before_it() -> None:
    steps = {0.1: [row(0.0, 1, 1.0)], 0.5: [row(0.0, 1, 3.0)], 0.9: [row(0.0, 1, 1.0)]}
    assert list(below_knee(steps)) == [0.1]


def test_there_are_eight_replicas() -> None:
    assert REPLICAS == 8
