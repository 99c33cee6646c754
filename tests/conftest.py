"""Settings of every test run: one hypothesis profile, and no event loop that nobody closes."""

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from router import compiled
from weir.stopping import ENDING

asyncio.set_event_loop(None)  # else pytest-asyncio has the policy make a loop where a sync test is first

# The same examples in every run, so that what fails is what was changed; `make explore` draws others.
settings.register_profile(
    "weir",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    print_blob=True,
    derandomize="WEIR_EXPLORE" not in os.environ,
)
settings.load_profile("weir")


# With WEIR_COMPILED set, the tests run on the compiled modules, as a router does: before any other conftest, which may
# import those, is loaded.
if os.environ.get("WEIR_COMPILED"):
    assert not compiled.ensure()
    assert compiled.install()


def pytest_configure() -> None:
    """What the tests start heeds Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell's background jobs have it
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def signals_are_left_as_they_were() -> Iterator[None]:
    """A handler left behind swallows the signals that a later test sends itself."""
    before = [signal.getsignal(number) for number in ENDING]
    yield
    assert [signal.getsignal(number) for number in ENDING] == before
