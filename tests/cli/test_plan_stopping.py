"""Ctrl-C in the middle of a plan: one line, nothing written, the shell's own exit code."""

import pytest
import typer

from cli.planned import stopped


def test_ctrl_c_ends_a_plan_with_its_own_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended, stopped():
        raise KeyboardInterrupt
    assert ended.value.exit_code == 130
    assert "nothing is written" in capsys.readouterr().err


def test_an_undisturbed_plan_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with stopped():
        pass
    assert capsys.readouterr().err == ""
