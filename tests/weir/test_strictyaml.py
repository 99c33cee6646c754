"""A YAML file is read exactly, or refused in a sentence that names file, line and key."""

from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from weir.strictyaml import BadFile, load, loads


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Engine(Strict):
    block_size: PositiveInt = 16
    share: float = Field(default=0.9, gt=0.0, le=1.0)


class Pool(Strict):
    name: str
    role: Literal["mixed", "prefill"] = "mixed"
    ready: bool = True
    hosts: tuple[str, ...] = ()
    engine: Engine | None = None
    labels: dict[str, Engine] = {}


class Fleet(Strict):
    pools: list[Pool] = Field(min_length=1)
    folder: Path = Path()

    @model_validator(mode="after")
    def _names_differ(self) -> "Fleet":
        if len({pool.name for pool in self.pools}) < len(self.pools):
            raise ValueError("two pools of one name: rename one")
        return self


class Sharded(Strict):
    kind: Literal["sharded"]
    shards: int


class Whole(Strict):
    kind: Literal["whole"]
    size: int


class Store(Strict):
    place: Sharded | Whole = Field(discriminator="kind")


def refusal(text: str, model: type[BaseModel] = Fleet) -> str:
    with pytest.raises(BadFile) as caught:
        loads(text, model, "f.yaml")
    return str(caught.value)


def test_a_good_file_becomes_the_model(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_text("pools:\n- name: a\n  hosts: [h:1, h:2]\n  engine: {share: 5e-1}\nfolder: /x\n")
    fleet = load(path, Fleet)
    assert fleet.pools[0] == Pool(name="a", hosts=("h:1", "h:2"), engine=Engine(share=0.5))
    assert fleet.folder == Path("/x")


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_bytes(b"\xef\xbb\xbfpools: [{name: a}]")
    assert load(path, Fleet).pools[0].name == "a"


def test_words_and_dates_and_times_stay_text() -> None:
    for word in ("no", "yes", "off", "2024-01-01", "10:20", "007"):
        assert loads(f"pools: [{{name: {word}}}]", Fleet, "f").pools[0].name == word


def test_an_alias_repeats_a_part() -> None:
    fleet = loads("pools:\n- {name: a, engine: &e {share: 0.5}}\n- {name: b, engine: *e}\n", Fleet, "f")
    assert fleet.pools[0].engine == fleet.pools[1].engine


def test_an_unknown_key_names_the_nearest_and_lists_the_known() -> None:
    assert refusal("pools:\n- name: a\n  engine:\n    block_sise: 16\n") == (
        "f.yaml:4: unknown key 'pools[0].engine.block_sise': did you mean 'block_size'? known: block_size, share"
    )


def test_an_unknown_key_at_the_top_is_found() -> None:
    assert refusal("pools: [{name: a}]\npolls: 1\n") == (
        "f.yaml:2: unknown key 'polls': did you mean 'pools'? known: folder, pools"
    )


def test_an_unknown_key_inside_a_mapping_of_models_is_found() -> None:
    text = "pools:\n- name: a\n  labels:\n    x:\n      shar: 1\n"
    assert "f.yaml:5: unknown key 'pools[0].labels.x.shar': did you mean 'share'?" in refusal(text)


def test_an_unknown_key_inside_one_of_several_kinds_is_found() -> None:
    said = refusal("place:\n  kind: whole\n  sise: 1\n", Store)
    assert said.splitlines()[0] == "f.yaml:1: key 'place.size' is missing"
    assert said.splitlines()[1].startswith("f.yaml:3: unknown key 'place.sise': did you mean 'size'? known: kind, ")


def test_a_key_that_stands_twice_is_refused_with_both_lines() -> None:
    assert refusal("pools: []\nfolder: a\npools: []\n") == "f.yaml:3: key 'pools' stands twice, first on line 1"


def test_a_missing_key_is_named_at_the_line_of_its_owner() -> None:
    assert refusal("pools:\n- name: a\n- role: mixed\n") == "f.yaml:3: key 'pools[1].name' is missing"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("name: 5", "pools[0].name must be text, not 5: put it in quotes"),
        ("name:", "pools[0].name must be text, not nothing: put it in quotes"),
        ("ready: yes", "pools[0].ready must be true or false, not 'yes'"),
        ("hosts: h", "pools[0].hosts must be a list, not 'h'"),
        ("engine: 1", "pools[0].engine must be a mapping of keys, not 1"),
        ("engine: {block_size: true}", "pools[0].engine.block_size must be a whole number, not true"),
        ("engine: {block_size: 1.5}", "pools[0].engine.block_size must be a whole number, not 1.5"),
        ("engine: {block_size: {}}", "pools[0].engine.block_size must be a whole number, not a mapping of keys"),
        ("engine: {block_size: []}", "pools[0].engine.block_size must be a whole number, not a list"),
        ("engine: {block_size: '16'}", "pools[0].engine.block_size must be a whole number, not '16'"),
        ("engine: {block_size: -1}", "pools[0].engine.block_size must be greater than 0, not -1"),
        ("engine: {share: lots}", "pools[0].engine.share must be a number, not 'lots'"),
        ("engine: {share: .nan}", "pools[0].engine.share must be a number, not '.nan'"),
        ("role: decode", "pools[0].role must be 'mixed' or 'prefill', not 'decode'"),
    ],
)
def test_a_wrong_value_is_said_in_plain_words(line: str, said: str) -> None:
    name = "" if line.startswith("name") else "  name: a\n"
    assert refusal(f"pools:\n-\n  {line}\n{name}") == f"f.yaml:3: {said}"


def test_too_few_items_are_counted() -> None:
    assert refusal("pools: []") == "f.yaml:1: pools must have at least 1 item, not 0"


def test_a_models_own_check_speaks_in_its_own_words() -> None:
    assert refusal("pools: [{name: a}, {name: a}]") == "f.yaml:1: two pools of one name: rename one"


def test_several_problems_stand_in_the_order_of_the_file() -> None:
    said = refusal("pools:\n- {nam: a}\nfolder: 3\n").splitlines()
    assert [line.split(":")[1] for line in said] == ["2", "2", "3"]


def test_many_problems_are_cut_short() -> None:
    said = refusal("pools:\n" + "- {name: 1}\n" * 9).splitlines()
    assert len(said) == 6
    assert said[-1] == "... and 4 more"


def test_a_long_value_is_shortened() -> None:
    assert "not '" + "x" * 36 + "..." in refusal(f"pools: {'x' * 200}")


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"none\.yaml: no such file$"):
        load(tmp_path / "none.yaml", Fleet)


def test_a_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="is a folder, not a file"):
        load(tmp_path, Fleet)


def test_a_path_through_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(BadFile, match="cannot be read: not a directory"):
        load(tmp_path / "a" / "b", Fleet)


def test_another_encoding_is_said_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"pools:\n- name: caf\xe9\n")
    with pytest.raises(BadFile, match=r"latin\.yaml:2: is not UTF-8 text"):
        load(path, Fleet)


def test_a_tab_is_said() -> None:
    assert refusal("pools:\n\t- name: a\n") == "f.yaml:2: is indented with a tab: YAML wants spaces"


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n...\n", "null"])
def test_an_empty_file_lists_what_it_could_say(text: str) -> None:
    assert refusal(text) == "f.yaml is empty: known keys: pools, folder"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pools: [", "f.yaml:1: is not valid YAML"),
        ("a: 1\n---\na: 2\n", "f.yaml:2: is not valid YAML"),
        ("pools:\n- name: \0\n", "f.yaml:2: holds a character that YAML forbids (code 0)"),
        ("? [a]\n: 1\n", "f.yaml:1: a key must be one word"),
        ("pools: !!python/name:os.system x", "is not understood"),
        ("pools: *gone", "f.yaml:1: is not valid YAML"),
        ("pools: &a [*a]", "f.yaml is nested too deeply"),
        ("[" * 3000, "f.yaml is nested too deeply"),
        (f"pools: {'9' * 5000}", "is not a usable value"),
        ("- 1\n", "f.yaml:1: the file must be a mapping of keys, not a list"),
        ("hello", "f.yaml:1: the file must be a mapping of keys, not 'hello'"),
    ],
)
def test_what_is_no_usable_yaml_is_one_sentence(text: str, said: str) -> None:
    assert said in refusal(text)


def test_aliases_of_aliases_do_not_unfold_without_end() -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    assert "unfolds to over 100,000 values" in refusal("\n".join(rows))
