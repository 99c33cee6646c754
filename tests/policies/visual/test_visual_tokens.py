"""Visual tokens against what the released processors count, and what the encoders cost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.perf.profiles import latency_model, model, model_names
from policies.perf.sheets import BadSheet, UnknownProfile
from policies.visual.encoder import encoder, encoder_names
from policies.visual.tokens import RULES, BadImage, prompt_tokens, visual_tokens

GOLDEN = {
    (336, 336): (144, 100, 1176, 256, 441, 462, 144, 147),
    (640, 480): (391, 300, 2340, 3328, 1200, 1230, 720, 727),
    (512, 512): (324, 256, 2928, 256, 1024, 1056, 720, 727),
    (1280, 720): (1196, 880, 1948, 2304, 2304, 2340, 1872, 1887),
    (1024, 768): (999, 768, 2340, 3328, 3072, 3120, 1872, 1887),
    (1920, 1080): (2691, 2040, 1948, 2304, 2304, 2340, 2304, 2322),
    (1024, 1024): (1369, 1024, 2928, 2560, 4096, 4160, 2448, 2467),
    (3840, 2160): (10549, 8160, 1948, 2304, 2304, 2340, 2304, 2322),
    (400, 1600): (798, 600, 1944, 1280, 1024, 1088, 1584, 1597),
}
"""(width, height) → Qwen2.5-VL, Qwen3-VL, LLaVA-NeXT, InternVL, Pixtral (image, prompt), Llama 4 (image, prompt)."""

MOST = {
    "qwen2.5-vl": 16384, "qwen3-vl": 16384, "llava-next": 2928, "internvl3": 3328, "pixtral": 4096, "llama-4": 2448,
    "gemma-3": 256, "llava-1.5": 576,
}  # fmt: skip
sizes = st.integers(20, 5000)


@pytest.mark.parametrize(("size", "expected"), GOLDEN.items())
def test_an_image_has_the_tokens_that_its_family_counts(size: tuple[int, int], expected: tuple[int, ...]) -> None:
    width, height = size
    counted = (
        visual_tokens("qwen2.5-vl", width, height), visual_tokens("qwen3-vl", width, height),
        prompt_tokens("llava-next", width, height), visual_tokens("internvl3", width, height),
        visual_tokens("pixtral", width, height), prompt_tokens("pixtral", width, height),
        visual_tokens("llama-4", width, height), prompt_tokens("llama-4", width, height),
    )  # fmt: skip
    assert counted == expected


@given(st.sampled_from(encoder_names()), sizes, sizes)
def test_no_image_has_more_tokens_than_its_familys_most_nor_fewer_in_the_prompt(
    family: str, width: int, height: int
) -> None:
    if max(width, height) > 200 * min(width, height):
        return
    tokens = visual_tokens(family, width, height)
    assert 1 <= tokens <= prompt_tokens(family, width, height)
    assert tokens <= MOST[family]


def test_families_of_one_size_have_it_whatever_the_image() -> None:
    assert {visual_tokens("llava-1.5", w, h) for w, h in GOLDEN} == {576}
    assert {visual_tokens("gemma-3", w, h) for w, h in GOLDEN} == {256}


@pytest.mark.parametrize(("width", "height"), [(0, 10), (10, -1)])
def test_an_image_without_a_side_is_refused(width: int, height: int) -> None:
    with pytest.raises(BadImage, match="both must be at least 1"):
        visual_tokens("pixtral", width, height)


def test_an_image_that_qwen_refuses_is_refused() -> None:
    with pytest.raises(BadImage, match="at most 200 times"):
        visual_tokens("qwen3-vl", 10, 4000)


def test_an_unknown_family_is_named_with_those_known() -> None:
    with pytest.raises(UnknownProfile, match="qwen3-vl"):
        visual_tokens("qwen9-vl", 10, 10)


@pytest.mark.parametrize("name", encoder_names())
def test_an_encoder_has_a_rule_a_source_and_figures_above_zero(name: str) -> None:
    one = encoder(name)
    assert dict(one.rule)["kind"] in RULES
    assert one.source.strip()
    assert one.params > 3e8
    assert one.token_flops > 2.0 * one.patch_params
    assert 2.0 * 3584 <= one.embedding_bytes <= 2.0 * 16384


def test_embeddings_are_far_smaller_than_the_kv_of_as_many_tokens() -> None:
    qwen = latency_model("h100-sxm", "qwen2.5-vl-7b")
    assert qwen.kv_bytes_per_token / qwen.embedding_bytes == 8.0


def test_a_model_with_eyes_takes_time_to_see_and_one_without_takes_none() -> None:
    for name in model_names():
        sees = bool(model(name).visual)
        if sees:
            perf = latency_model("h100-sxm", name)
            assert 1e-6 < perf.encode_token_s < perf.token_s
            assert perf.encode_seconds(1000.0) == perf.slowdown * perf.encode_token_s * 1000.0
    assert latency_model("h100-sxm", "qwen3-8b").encode_seconds(1000.0) == 0.0


def test_a_models_eyes_take_room_beside_its_weights() -> None:
    blind, seeing = model("qwen3-8b"), model("qwen3-vl-8b")
    assert seeing.weight_bytes - blind.weight_bytes == 2.0 * encoder("qwen3-vl").params
    assert latency_model("l4", "qwen3-vl-8b").kv_tokens < latency_model("l4", "qwen3-8b").kv_tokens


def test_two_cards_encode_in_half_the_time() -> None:
    one, two = (latency_model("h100-sxm", "qwen3-vl-8b", n).encode_token_s for n in (1, 2))
    assert one == 2.0 * two


def test_a_sheet_with_a_key_too_many_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policies.perf.sheets.read", lambda folder, name: {"title": "x", "rule": {}, "eyes": {}})
    with pytest.raises(BadSheet, match="eyes"):
        encoder.__wrapped__("made-up")
