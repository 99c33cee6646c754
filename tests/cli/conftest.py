"""Running `weir` inside the test."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.cli.weir_command import Weir


@pytest.fixture
def weir(monkeypatch: pytest.MonkeyPatch) -> Weir:
    """`weir ARGUMENTS`, on a wide terminal without colours."""
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    return lambda *arguments: CliRunner().invoke(app, [str(each) for each in arguments], prog_name="weir")


@pytest.fixture
def fleet_file(tmp_path: Path) -> Callable[[str], Path]:
    """A fleet file with that text."""

    def write(text: str) -> Path:
        path = tmp_path / "fleet.yaml"
        path.write_text(text)
        return path

    return write
