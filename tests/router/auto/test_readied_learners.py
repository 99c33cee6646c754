"""A learner's settings on their way to workers: the head's models get the fleet's names, what is missing is said."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from policies.select.quality.linear import Linear
from router.auto.readied import readied
from router.learn.select_head import SelectHead
from weir.rulesfile import rules_of
from weir.strictyaml import BadFile

RULES = rules_of("fallback: {models: [llama-3.1-8b, qwen3-32b]}\n", "r.yaml")[0]
NAMES = ("Meta-Llama-3_1-8B-Instruct", "Qwen3-32B")


@pytest.fixture
def heads(tmp_path: Path) -> str:
    quality = Linear(centre=np.zeros(3), weights=np.zeros((3, 2)), mean=np.array([0.4, 0.6]))
    head = SelectHead(models=NAMES, tier="static", quality=quality, out_tokens=np.array([10.0, 20.0]), version="v1")
    head.save(tmp_path, "card")
    return str(tmp_path)


def test_every_model_of_the_rules_gets_its_name_in_the_head(heads: str) -> None:
    told = readied({"policy": "best_value"}, RULES, heads, "r.yaml")
    assert told["judged_as"] == dict(zip(("llama-3.1-8b", "qwen3-32b"), NAMES, strict=True))


def test_a_name_that_is_given_goes_first(heads: str) -> None:
    learn: dict[str, Any] = {"policy": "ucb", "quality": True, "judged_as": {"qwen3-32b": NAMES[0]}}
    assert readied(learn, RULES, heads, "r.yaml")["judged_as"]["qwen3-32b"] == NAMES[0]


def test_a_model_that_nobody_judged_is_said(heads: str) -> None:
    learn: dict[str, Any] = {"policy": "best_value", "judged_as": {"qwen3-32b": "Qwen4"}}
    with pytest.raises(BadFile, match=r"r\.yaml: learn: nobody judged a model 'Qwen4'"):
        readied(learn, RULES, heads, "r.yaml")


def test_a_learner_that_goes_by_no_head_needs_none(tmp_path: Path) -> None:
    learn = {"policy": "ucb", "context": ["turns"]}
    assert readied(learn, RULES, str(tmp_path), "r.yaml") == learn


def test_a_folder_without_a_head_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="weir train select"):
        readied({"policy": "ucb", "canary": {"policy": "best_value"}}, RULES, str(tmp_path), "r.yaml")
