"""The tests that claim to run on the compiled modules do."""

import importlib
import os

import pytest

from router.compiled import MODULES, source


@pytest.mark.parametrize("module", MODULES)
def test_modules_are_compiled_exactly_where_that_was_asked_for(module: str) -> None:
    file = importlib.import_module(module).__file__
    assert file is not None
    assert file.endswith(".so") is bool(os.environ.get("WEIR_COMPILED"))
    assert source(module).exists()
