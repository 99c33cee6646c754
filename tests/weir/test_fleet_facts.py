"""What a fleet file says of tokenizers, adapters and retention, on its way to the routers."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from weir.fleetfile import messages, read_fleet
from weir.strictyaml import BadFile
from weir.v1 import fleet_pb2


def told(folder: Path, **facts: Any) -> fleet_pb2.Replica:
    """The only replica of a fleet file."""
    pool = {"name": "p", "gpu": "l4", "model": "qwen3-8b", "addresses": ["h:1"], **facts}
    (folder / "fleet.yaml").write_text(yaml.safe_dump({"pools": [pool]}))
    (replica,) = messages(read_fleet(folder / "fleet.yaml"))
    return replica


def test_a_pool_names_its_models_folder_its_adapters_and_how_it_is_told_what_to_keep(tmp_path: Path) -> None:
    replica = told(
        tmp_path, tokenizer="models/tiny", chat_template="t.jinja", adapters=["ad1", "ad2"], retention="vllm"
    )
    assert (replica.tokenizer, replica.chat_template) == ("models/tiny", "t.jinja")
    assert (list(replica.adapters), replica.retention) == (["ad1", "ad2"], "vllm")


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"adapters": ["qwen3-8b"]}, "pool p: adapter 'qwen3-8b' is named as its model: rename one"),
        ({"served_name": "tiny", "adapters": ["ad1", "tiny"]}, "pool p: adapter 'tiny' is named as its model"),
        ({"adapters": ["llama-3.1-8b"]}, "pool p: adapter 'llama-3.1-8b' is named as the model of pool q"),
    ],
)
def test_an_adapter_and_a_model_of_one_name_are_refused(tmp_path: Path, others: dict[str, Any], said: str) -> None:
    first = {"name": "p", "gpu": "l4", "model": "qwen3-8b", "addresses": ["h:1"], **others}
    second = {"name": "q", "gpu": "l4", "model": "llama-3.1-8b", "addresses": ["h:2"], "adapters": ["ad1"]}
    (tmp_path / "fleet.yaml").write_text(yaml.safe_dump({"pools": [first, second]}))
    with pytest.raises(BadFile, match=said):
        read_fleet(tmp_path / "fleet.yaml")


def test_an_adapter_may_be_served_by_several_pools_and_by_a_model_of_another_name(tmp_path: Path) -> None:
    assert list(told(tmp_path, served_name="tiny", adapters=["qwen3-8b"]).adapters) == ["qwen3-8b"]


def test_a_pool_that_says_nothing_has_its_profiles_vocabulary_and_no_adapters(tmp_path: Path) -> None:
    replica = told(tmp_path)
    assert (replica.tokenizer, list(replica.adapters), replica.retention) == ("qwen3", [], "")


def test_a_shape_that_no_engine_takes_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="retention"):
        told(tmp_path, retention="sglang")
