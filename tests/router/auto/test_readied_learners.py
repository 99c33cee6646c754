"""A learner's settings on their way to workers: the head's models get the fleet's names, what is missing is said."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from policies.select.learners import label, learner
from policies.select.quality.linear import Linear
from policies.select.session_q import SessionQ
from policies.select.session_values import SessionValues, Settings
from router.auto.readied import readied
from router.learn.select_head import SelectHead
from router.learn.session_head import SessionHead, load
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


@pytest.fixture
def of_sessions(tmp_path: Path) -> str:
    values = SessionValues(models=2, settings=Settings(), weights=np.ones((4, 11)), inverse=np.zeros((4, 11, 11)),
                           noise=np.zeros(4))  # fmt: skip
    card = {"sessions": 3, "turns": 9, "cuts": 1, "left_out": 0, "worth_usd": 0.1, "source": "x", "how": "",
            "earned_usd": {}}  # fmt: skip
    SessionHead(models=NAMES, values=values, card=card).save(tmp_path)
    return str(tmp_path)


def test_a_learner_of_sessions_is_given_its_head_and_whose_columns_its_models_are(of_sessions: str) -> None:
    told = readied({"policy": "session_q"}, RULES, of_sessions, "r.yaml")
    assert told["head"]["columns"] == {"llama-3.1-8b": 0, "qwen3-32b": 1}
    assert told["head"]["version"] == load(Path(of_sessions)).version
    made = learner(msgspec.json.decode(msgspec.json.encode(told)))
    assert isinstance(made, SessionQ)
    assert made.values is not None
    assert np.array_equal(made.values.weights, np.ones((4, 11)))


def test_two_heads_are_two_names_in_the_records(of_sessions: str) -> None:
    told = readied({"policy": "session_q"}, RULES, of_sessions, "r.yaml")
    other = told | {"head": told["head"] | {"version": "other"}}
    assert len({label(each) for each in ({"policy": "session_q"}, told, other)}) == 3


def test_without_a_head_of_sessions_the_command_is_said(tmp_path: Path) -> None:
    for learn in ({"policy": "session_q"}, {"policy": "ucb", "canary": {"policy": "session_q"}}):
        with pytest.raises(BadFile, match="weir train sessions"):
            readied(learn, RULES, str(tmp_path), "r.yaml")


def test_a_broken_head_of_sessions_is_said(of_sessions: str) -> None:
    path = Path(of_sessions) / "sessions" / load(Path(of_sessions)).version / "head.npz"
    path.write_bytes(b"nonsense")
    with pytest.raises(BadFile, match="is not a trained head"):
        readied({"policy": "session_q"}, RULES, of_sessions, "r.yaml")
