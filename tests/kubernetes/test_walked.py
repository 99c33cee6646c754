"""Installed, routed, told, scaled, upgraded and uninstalled at a real API server: docs/kubernetes.md, line by line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.k8s.__main__ import TARGET, commands
from tests.kubernetes.clusters import ABSENT, UNARMED, envoy_is_here, real_is_here, tools_are_here

ROOT = Path(__file__).parents[2]


def test_the_page_installs_routes_tells_scales_upgrades_and_uninstalls() -> None:
    lines = "\n".join(commands())
    for words in ("helm install", "run ask", "routepolicies.weir.dev/chat", "scale pools", "helm upgrade",
                  "envoy.enabled=true", "http://weir-envoy/", "helm uninstall"):  # fmt: skip
        assert words in lines


def test_every_command_of_the_page_does_what_it_says() -> None:
    if not real_is_here():
        pytest.skip(ABSENT)
    if not (tools_are_here() and envoy_is_here()):
        pytest.skip(UNARMED)
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'proto'}"}
    done = subprocess.run(
        [sys.executable, "-m", "bench.k8s"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert found["met"], done.stderr[-4000:]
    assert set(TARGET) <= set(found["figures"])
