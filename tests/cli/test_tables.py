"""Where tables go, and how wide they are."""

import io
import sys

import pytest

from cli.output import UNSEEN, console


def test_a_table_that_goes_to_a_file_is_wide_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.delenv("COLUMNS", raising=False)
    assert console().width == UNSEEN
    monkeypatch.setenv("COLUMNS", "100")
    assert console().width == 100


def test_beside_json_tables_go_to_stderr() -> None:
    assert console("-").stderr
    assert not console("here.json").stderr
