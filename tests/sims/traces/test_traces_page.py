"""`docs/traces.md` says what there is to say: every field, every format, and an example that reads."""

from dataclasses import fields
from pathlib import Path

from sims.traces.generic import Generic
from sims.traces.reading.format import TRACES
from sims.traces.reading.reader import read

PAGE = (Path(__file__).parents[3] / "docs" / "traces.md").read_text()


def test_every_field_of_the_generic_format_is_told() -> None:
    assert [field.name for field in fields(Generic) if f"`{field.name}" not in PAGE] == []


def test_every_format_is_named() -> None:
    assert [name for name in TRACES.names() if name != "generic" and f"`{name}`" not in PAGE] == []


def test_the_example_reads_with_nothing_but_the_format_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(PAGE.split("```\n")[1])
    assert [(row.at, row.prompt_tokens, row.output_tokens) for row in read(path, "generic")] == [
        (0.0, 812, 64), (0.4, 12040, 310)]  # fmt: skip
