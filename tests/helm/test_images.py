"""The Dockerfile held against the tree: CI does not run it, so what it copies, installs and starts is checked."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.main import app
from tests.helm.rendering import HERE, SETS

ROOT = Path(__file__).parents[2]
TEXT = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text())
LINES = [line.strip() for line in TEXT.splitlines() if line.strip() and not line.startswith("#")]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())


def steps(word: str) -> list[str]:
    return [line.partition(" ")[2] for line in LINES if line.startswith(f"{word} ")]


def stages() -> dict[str, str]:
    """Every stage by name, and what it is built from."""
    return {name: source for source, name in (re.split(r" AS ", step, maxsplit=1) for step in steps("FROM"))}


def test_what_is_copied_from_the_tree_is_there_and_not_left_out_of_it() -> None:
    ignored = {line.strip().rstrip("/") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.strip()}
    for step in steps("COPY"):
        if step.startswith("--from"):
            assert step.split()[0].removeprefix("--from=") in stages()
            continue
        *sources, _ = step.split()
        for source in sources:
            assert (ROOT / source).exists(), source
            assert not ignored & {source, source.partition("/")[0]}, f"{source} is kept from the build"


def test_all_that_the_wheel_is_made_of_is_copied() -> None:
    copied = {source for step in steps("COPY") if not step.startswith("--from") for source in step.split()[:-1]}
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {package.partition("/")[0] for package in wheel} <= copied
    assert {PROJECT["project"]["readme"], "pyproject.toml", "requirements.lock"} <= copied


def test_every_extra_that_is_installed_is_one_of_the_projects() -> None:
    (extras,) = re.findall(r"'\.\[([a-z,-]+)\]'", TEXT)
    assert set(extras.split(",")) <= set(PROJECT["project"]["optional-dependencies"])
    assert {"kubernetes", "compiled", "classify"} <= set(extras.split(","))


def test_everything_installed_is_pinned_by_the_lock() -> None:
    pinned = {
        re.split(r"[=\[]", line)[0].strip().lower().replace("_", "-")
        for line in (ROOT / "requirements.lock").read_text().splitlines()
        if "==" in line and not line.startswith("#")
    }
    (extras,) = re.findall(r"'\.\[([a-z,-]+)\]'", TEXT)
    project = PROJECT["project"]
    wanted = [
        *project["dependencies"],
        *(one for e in extras.split(",") for one in project["optional-dependencies"][e]),
    ]
    names = {re.split(r"[><=\[ ]", one)[0].lower().replace("_", "-") for one in wanted}
    assert names <= pinned
    assert "--constraint requirements.lock" in TEXT


@pytest.mark.parametrize("name", ["router", "weir"])
def test_an_image_runs_as_nobody_and_starts_the_command(name: str) -> None:
    assert stages()[name] == "run"
    run = TEXT.split(" AS run")[1].split("\nFROM")[0]
    assert "USER 65532:65532" in run
    assert run.index("useradd") < run.index("USER 65532")
    assert 'ENTRYPOINT ["docker-entry"]' in run
    entry = (ROOT / "docker-entry").read_text()
    assert entry.splitlines()[-1].startswith("exec weir ")
    assert (ROOT / "docker-entry").stat().st_mode & 0o111
    assert PROJECT["project"]["scripts"]["weir"] == "cli.main:app"


def test_a_base_image_has_a_python_that_the_project_takes() -> None:
    bases = {source for source in stages().values() if ":" in source}
    assert bases == {"python:3.11-slim-bookworm"}
    assert PROJECT["project"]["requires-python"] == ">=3.11"


def test_what_is_compiled_with_the_image_is_where_the_entry_point_looks() -> None:
    (kept,) = set(re.findall(r"WEIR_CACHE=(/opt/\S+)", TEXT))
    assert f"cp -rn {kept}/." in (ROOT / "docker-entry").read_text()
    assert TEXT.count("COPY --from=") == 2


def test_the_router_alone_lacks_only_what_a_router_never_imports() -> None:
    (dropped,) = re.findall(r"pip uninstall --yes (.+)", TEXT)
    for package in dropped.split():
        for part in ("router", "proto/weir", "policies"):
            for path in (ROOT / part).rglob("*.py"):
                assert not re.search(rf"^(from|import) {package}\b", path.read_text(), re.MULTILINE), path


@pytest.mark.parametrize("name", SETS)
def test_every_process_of_the_chart_is_a_command_that_the_image_starts(name: str) -> None:
    from typer.main import get_command

    commands: Any = get_command(app)
    golden = [one for one in yaml.safe_load_all((HERE / "golden" / f"{name}.yaml").read_text()) if one]
    images = [
        each
        for one in golden
        if one["kind"] == "Deployment"
        for each in one["spec"]["template"]["spec"]["containers"]
        if each["image"].startswith("weir:")
    ]
    assert images
    for each in images:
        assert "command" not in each
        assert each["args"][0] in commands.commands
