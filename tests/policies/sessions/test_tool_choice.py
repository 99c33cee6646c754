"""Tools drift towards the requests that they served well, and are found more often."""

import numpy as np
import pytest

from policies.sessions.tool_choice import Catalogue, Served, unit
from policies.signals.port import Embedding

TOOLS, WIDTH = 40, 32


def world(seed: int, n: int) -> tuple[dict[str, Embedding], list[tuple[Embedding, str]]]:
    """Tools whose descriptions are off from what they are used for, and requests near their use."""
    chance = np.random.default_rng(seed)
    uses = [unit(chance.normal(size=WIDTH).astype(np.float32)) for _ in range(TOOLS)]
    said = {f"t{i}": unit((use + chance.normal(0, 0.35, WIDTH)).astype(np.float32)) for i, use in enumerate(uses)}
    asked = [int(chance.integers(TOOLS)) for _ in range(n)]
    return said, [(unit((uses[i] + chance.normal(0, 0.2, WIDTH)).astype(np.float32)), f"t{i}") for i in asked]


def ndcg(catalogue: Catalogue, queries: list[tuple[Embedding, str]]) -> float:
    """NDCG@5 with one right tool a request."""
    gains = []
    for query, right in queries:
        found = catalogue.nearest(query, list(catalogue.vectors), 5)
        gains.append(1.0 / np.log2(found.index(right) + 2.0) if right in found else 0.0)
    return float(np.mean(gains))


def test_outcomes_lift_the_ranking_on_requests_never_seen() -> None:
    said, queries = world(0, 1200)
    plain = Catalogue(vectors=said)
    learned = plain.learned([Served(query, tool, True) for query, tool in queries[:800]])
    assert ndcg(learned, queries[800:]) > ndcg(plain, queries[800:]) + 0.03


def test_failures_move_nothing() -> None:
    said, queries = world(1, 50)
    learned = Catalogue(vectors=said).learned([Served(query, tool, False) for query, tool in queries])
    assert learned.successes == {}
    assert (learned.vector("t0") == said["t0"]).all()


def test_one_success_moves_less_than_many() -> None:
    said, queries = world(2, 400)
    query, tool = queries[0]
    few = Catalogue(vectors=said).learned([Served(query, tool, True)])
    many = Catalogue(vectors=said).learned([Served(query, tool, True)] * 50)
    assert said[tool] @ query < few.vector(tool) @ query < many.vector(tool) @ query


def test_learning_in_parts_is_learning_at_once() -> None:
    said, queries = world(3, 60)
    told = [Served(query, tool, True) for query, tool in queries]
    once, parts = Catalogue(vectors=said).learned(told), Catalogue(vectors=said).learned(told[:20]).learned(told[20:])
    for tool in said:
        assert once.vector(tool) == pytest.approx(parts.vector(tool), abs=1e-5)


def test_rights_come_before_relevance() -> None:
    said, queries = world(4, 1)
    query, right = queries[0]
    assert right not in Catalogue(vectors=said).nearest(query, [name for name in said if name != right], 5)
    assert Catalogue(vectors=said).nearest(query, ["unheard of"], 5) == ()


def test_a_tool_that_is_unknown_or_a_vector_of_nothing_is_survived() -> None:
    nothing = np.zeros(4, np.float32)
    catalogue = Catalogue(vectors={"a": nothing}).learned([Served(nothing, "a", True), Served(nothing, "b", True)])
    assert catalogue.nearest(nothing, ["a", "b"], 2) == ("a",)
