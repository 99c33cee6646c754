"""What a worker process loads for the endpoint."""

import subprocess
import sys

import pytest

ASKED = """
import sys
from router.worker import _endpoint
assert ("router.extproc.endpoint" in sys.modules) is False
if {served}:
    from router.core import Core
    from router.metrics import Metrics
    from router.settings import Settings
    _endpoint(Core(Settings(), Metrics()), Settings(ext_proc="127.0.0.1:1"))
print("router.extproc.endpoint" in sys.modules)
"""


@pytest.mark.parametrize("served", [False, True])
def test_the_endpoint_is_loaded_where_it_is_served_and_nowhere_else(served: bool) -> None:
    told = subprocess.run(
        [sys.executable, "-c", ASKED.format(served=served)], capture_output=True, text=True, check=False, timeout=60
    )
    assert told.stdout.strip() == str(served), told.stderr
