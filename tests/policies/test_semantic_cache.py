"""An answer is given again to the same question of the same tenant, and to nobody else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.semantic_cache import (
    NO_VECTOR,
    Asked,
    CacheRules,
    Partition,
    Rule,
    SemanticCache,
    cacheable,
    numbers_agree,
)
from policies.signals.port import Embedding

HERE = Partition("acme", "auto", "faq", "s")
RULES = CacheRules(by_category={"faq": Rule(threshold=0.9, ttl_s=60.0, quota=3)})


def vector(angle: float) -> Embedding:
    return np.array([np.cos(angle), np.sin(angle)], np.float32)


def asked(angle: float = 0.0, partition: Partition = HERE, text: str = "", *, fit: bool = True) -> Asked:
    return Asked(partition, text or f"wh{'y' * round(10 * angle + 1)}", vector(angle), fit)


def bare(text: str = "why", partition: Partition = HERE) -> Asked:
    return Asked(partition, text, NO_VECTOR, True)


def holding(*angles: float) -> SemanticCache:
    cache = SemanticCache(RULES)
    for at, angle in enumerate(angles):
        assert cache.keep(asked(angle), f"answer {at}".encode(), float(at))
    return cache


def test_a_question_alike_enough_gets_the_answer_again() -> None:
    hit = holding(0.0).look_up(asked(0.1), 5.0)
    assert hit is not None
    assert (hit.answer, hit.age_s) == (b"answer 0", 5.0)
    assert hit.similarity == pytest.approx(np.cos(0.1), abs=1e-6)


def test_a_question_less_alike_gets_none() -> None:
    assert holding(0.0).look_up(asked(0.6), 5.0) is None


@given(st.text(min_size=1, max_size=5), st.text(min_size=1, max_size=5), st.floats(-1, 1, allow_nan=False))
def test_no_threshold_lets_one_tenants_answer_reach_another(one: str, other: str, threshold: float) -> None:
    cache = SemanticCache(CacheRules(default=Rule(threshold=threshold)))
    cache.keep(asked(partition=HERE._replace(tenant=one)), b"secret", 0.0)
    hit = cache.look_up(asked(partition=HERE._replace(tenant=other)), 1.0)
    assert (hit is not None) is (one == other)


@pytest.mark.parametrize("field", ["tenant", "model", "category", "shape"])
def test_every_part_of_the_partition_keeps_answers_apart(field: str) -> None:
    cache = SemanticCache(CacheRules(default=Rule(threshold=-1.0)))
    cache.keep(asked(), b"x", 0.0)
    assert cache.look_up(asked(partition=HERE._replace(**{field: "other"})), 1.0) is None


def test_nothing_is_kept_for_nobody() -> None:
    cache = SemanticCache(CacheRules(default=Rule()))
    assert not cache.keep(asked(partition=HERE._replace(tenant="")), b"x", 0.0)


def test_an_answer_grows_too_old() -> None:
    assert holding(0.0).look_up(asked(), 59.0) is not None
    assert holding(0.0).look_up(asked(), 60.0) is None


def test_past_the_quota_the_least_recently_used_leaves() -> None:
    cache = holding(0.0, 1.0, 2.0)
    assert cache.look_up(asked(0.0), 4.0) is not None
    cache.keep(asked(3.0), b"answer 3", 5.0)
    assert len(cache) == 3
    assert cache.look_up(asked(1.0), 6.0) is None
    assert cache.look_up(asked(0.0), 6.0) is not None


def test_the_same_question_answered_anew_replaces_its_answer() -> None:
    cache = holding(0.0)
    cache.keep(asked(0.0), b"newer", 1.0)
    hit = cache.look_up(asked(0.0), 2.0)
    assert hit is not None
    assert (hit.answer, len(cache)) == (b"newer", 1)


def test_a_category_without_a_rule_is_not_cached() -> None:
    cache = SemanticCache(RULES)
    assert not cache.keep(asked(partition=HERE._replace(category="code")), b"x", 0.0)


def test_thresholds_differ_by_category() -> None:
    rules = CacheRules(by_category={"faq": Rule(threshold=0.8), "code": Rule(threshold=0.99)})
    cache = SemanticCache(rules)
    for category, found in (("faq", True), ("code", False)):
        where = HERE._replace(category=category)
        cache.keep(asked(0.0, where), b"x", 0.0)
        assert (cache.look_up(asked(0.3, where), 1.0) is not None) is found


def test_other_numbers_or_a_negation_are_another_question_however_alike_its_vector() -> None:
    cache = SemanticCache(RULES)
    cache.keep(asked(text="what is 12 percent of 80"), b"9.6", 0.0)
    assert cache.look_up(asked(text="what is 21 percent of 80"), 1.0) is None
    assert cache.look_up(asked(text="What is 12 percent of 80?"), 1.0) is not None
    assert not numbers_agree("is it safe", "is it not safe")


def test_vectors_that_are_no_numbers_or_of_another_width_are_survived() -> None:
    cache = holding(0.0)
    nan = Asked(HERE, "what", np.array([np.nan, 0.0], np.float32), True)
    wide = Asked(HERE, "what", np.zeros(3, np.float32), True)
    for strange in (nan, wide):
        assert cache.look_up(strange, 1.0) is None
        assert not cache.keep(strange, b"x", 1.0)


def test_one_tenants_many_partitions_push_out_its_own_alone() -> None:
    cache = SemanticCache(CacheRules(default=Rule()), most_partitions=2)
    cache.keep(asked(partition=HERE._replace(tenant="quiet")), b"x", 0.0)
    for at in range(5):
        cache.keep(asked(partition=HERE._replace(shape=f"{at}")), b"x", 0.0)
    assert cache.look_up(asked(partition=HERE._replace(tenant="quiet")), 1.0) is not None
    assert len(cache) == 3


def test_a_tenant_is_forgotten_whole() -> None:
    cache = holding(0.0, 1.0)
    assert cache.forget("acme") == 2
    assert cache.forget("acme") == len(cache) == 0


def test_a_shelf_grows_with_what_it_holds() -> None:
    cache = SemanticCache(CacheRules(default=Rule(quota=100, threshold=0.9999)))
    for at in range(100):
        cache.keep(asked(at / 20.0, text=f"q{at}"), f"{at}".encode(), 0.0)
    hit = cache.look_up(asked(77 / 20.0, text="q77"), 1.0)
    assert hit is not None
    assert (hit.answer, len(cache)) == (b"77", 100)


FINE = {"tools": False, "tool_calls": False, "images": 0, "n": 1, "temperature": 0.0}


def test_one_question_with_nothing_else_may_be_cached() -> None:
    assert cacheable(["system", "user"], **FINE)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changed", [{"tools": True}, {"tool_calls": True}, {"images": 1}, {"n": 2}, {"temperature": 1.5}]
)
def test_tools_images_and_wishes_for_variety_are_never_cached(changed: dict[str, float]) -> None:
    assert not cacheable(["user"], **FINE | changed)  # type: ignore[arg-type]


@pytest.mark.parametrize("roles", [["user", "assistant", "user"], ["user", "tool"], ["system"], []])
def test_a_conversation_is_never_cached(roles: list[str]) -> None:
    assert not cacheable(roles, **FINE)  # type: ignore[arg-type]


def test_without_vectors_the_same_words_are_the_same_question() -> None:
    cache = SemanticCache(RULES)
    assert cache.keep(bare(), b"x", 0.0)
    hit = cache.look_up(bare(), 1.0)
    assert hit is not None
    assert (hit.answer, hit.similarity) == (b"x", 1.0)
    assert cache.look_up(bare("why not"), 1.0) is None


def test_an_answer_kept_without_a_vector_is_not_found_by_meaning() -> None:
    cache = SemanticCache(CacheRules(default=Rule(threshold=-1.0)))
    cache.keep(bare("other"), b"x", 0.0)
    assert cache.look_up(asked(), 1.0) is None
    cache.keep(asked(), b"y", 1.0)
    assert cache.look_up(asked(0.1), 2.0) is not None


def test_the_tenant_that_holds_most_gives_back_first() -> None:
    cache = SemanticCache(CacheRules(default=Rule()), most_bytes=4000)
    small = HERE._replace(tenant="small")
    assert cache.keep(bare("s", small), b"s" * 100, 0.0)
    for at in range(20):
        assert cache.keep(bare("l" * (at + 1)), b"l" * 200, float(at))
        assert cache.size <= 4000
    assert cache.look_up(bare("s", small), 1.0) is not None
    assert cache.look_up(bare("l"), 20.0) is None
    assert cache.look_up(bare("l" * 20), 20.0) is not None
    assert not cache.keep(bare("much"), b"x" * 4000, 0.0)


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 9), st.integers(1, 300)), max_size=60))
def test_bytes_are_counted_whatever_is_kept_replaced_and_dropped(kept: list[tuple[str, int, int]]) -> None:
    cache = SemanticCache(CacheRules(default=Rule(quota=4, ttl_s=7.0)), most_partitions=2, most_bytes=4000)
    for at, (tenant, text, size) in enumerate(kept):
        where = HERE._replace(tenant=tenant, category=f"c{text % 3}")
        cache.keep(bare("w" * (text + 1), where), b"x" * size, float(at))
        assert 0 <= cache.size <= 4000
    for tenant in ("a", "b"):
        cache.forget(tenant)
    assert (cache.size, len(cache)) == (0, 0)
