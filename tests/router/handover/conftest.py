"""Hand-overs are tried against a core in plain Python: a compiled one takes no subclass."""

import pytest

from router import core


@pytest.fixture(autouse=True)
def plain_core() -> None:
    """Skip where the core is compiled."""
    if not str(core.__file__).endswith(".py"):
        pytest.skip("a compiled core takes no subclass")
