"""Two real engines for the whole session, Weir over them; skipped with the reason where vLLM cannot be installed."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.engines.fleet import Engines, engines
from bench.gateway.installs import InstallError
from bench.vllm_e2e.stack import Weir, weir_over

NO_WHEEL = "vLLM cannot be installed here"


def told(line: str) -> None:
    """Installing and starting take a minute each: say so where somebody waits."""
    print(line, file=sys.__stderr__, flush=True)


@pytest.fixture(scope="session")
def started_engines() -> Iterator[Engines]:
    if os.environ.get("WEIR_NO_VLLM"):
        pytest.skip("WEIR_NO_VLLM is set")
    try:
        with engines(2, told) as found:
            yield found
    except InstallError as error:
        pytest.skip(f"{NO_WHEEL}: {error}")


@pytest.fixture
def fleet(started_engines: Engines) -> Engines:
    """Both engines, whatever the test before did to them."""
    started_engines.start(lambda line: None)
    return started_engines


@pytest.fixture
def weir(fleet: Engines, tmp_path: Path) -> Iterator[Weir]:
    """Weir over both, mixed."""
    with weir_over(fleet, tmp_path / "weir") as found:
        yield found
