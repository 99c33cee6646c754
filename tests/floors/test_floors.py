"""The contract of DESIGN.md with the source text: sizes, names, imports, doors, generated code."""

import ast
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path
from statistics import median

import pytest

from policies.policy import ROUTES

ROOT = Path(__file__).parents[2]
PACKAGES = ("cli", "router", "pool", "sims", "policies", "proto/weir", "bench")
SHIPPED = tuple(one for one in PACKAGES if one != "bench")
FORBIDDEN_NAMES = ("util", "utils", "helper", "helpers", "common", "base", "manager", "managers", "misc")
MOST_LINES, MEDIAN_LINES = 400, 120
MOST_FUNCTION, MEDIAN_FUNCTION = 60, 10
MOST_DOORS = 10

# What the ground may import of the standard library: all of it but what knows of time, chance, the world or threads.
IMPURE = {
    "asyncio", "concurrent", "datetime", "http", "logging", "multiprocessing", "queue", "random", "sched", "secrets",
    "select", "selectors", "signal", "socket", "ssl", "threading", "time", "urllib", "uuid",
}  # fmt: skip


def sources(*folders: str) -> list[Path]:
    """Every hand-written module below some folders."""
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return sorted(path for path in found if "v1" not in path.parts and ".cache" not in path.parts)


def trees(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    """Every module's syntax tree."""
    return ((path.relative_to(ROOT), ast.parse(path.read_text(), path)) for path in sources(*folders))


def functions(*folders: str) -> list[tuple[int, str]]:
    """Every function's lines, its signature and docstring among them, and its place."""
    return [
        ((node.end_lineno or 0) - node.lineno + 1, f"{path}:{node.lineno} {node.name}")
        for path, tree in trees(*folders)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def lines_of(path: Path) -> int:
    return len(path.read_text().splitlines())


def imported(tree: ast.AST) -> set[str]:
    """The top names of every absolute import."""
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level]
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("folders", [SHIPPED, ("bench",), ("tests",)], ids=["shipped", "bench", "tests"])
def test_no_file_is_long(folders: tuple[str, ...]) -> None:
    assert not [f"{path}: {lines_of(path)} lines" for path in sources(*folders) if lines_of(path) > MOST_LINES]


@pytest.mark.parametrize("package", PACKAGES)
def test_the_median_file_is_short(package: str) -> None:
    sizes = [lines_of(path) for path in sources(package) if lines_of(path) > 1]
    assert not sizes or median(sizes) <= MEDIAN_LINES


@pytest.mark.parametrize("folders", [SHIPPED, ("bench",), ("tests",)], ids=["shipped", "bench", "tests"])
def test_no_function_is_long(folders: tuple[str, ...]) -> None:
    assert not [f"{place}: {lines} lines" for lines, place in functions(*folders) if lines > MOST_FUNCTION]


@pytest.mark.parametrize("package", PACKAGES)
def test_the_median_function_is_short(package: str) -> None:
    sizes = [lines for lines, _ in functions(package)]
    assert not sizes or median(sizes) <= MEDIAN_FUNCTION


def test_no_module_or_folder_has_a_name_that_says_nothing() -> None:
    named = [
        path
        for path in sources(*PACKAGES, "tests")
        for part in path.relative_to(ROOT).with_suffix("").parts
        if part in FORBIDDEN_NAMES
    ]
    assert not named


def test_no_class_has_a_name_that_says_nothing() -> None:
    bad = re.compile(r"(Manager|Helper|Utils?|Base)$")
    found = [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in trees(*SHIPPED)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and bad.search(node.name)
    ]
    assert not found


def doors() -> list[str]:
    """Every place that catches everything."""
    return [
        f"{path}:{node.lineno}"
        for path, tree in trees(*SHIPPED)
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and _catches_everything(node)
    ]


def _catches_everything(handler: ast.ExceptHandler) -> bool:
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {one.id for one in caught if isinstance(one, ast.Name)}
    return handler.type is None or bool(names & {"Exception", "BaseException"})


def test_everything_is_caught_at_few_doors_only() -> None:
    found = doors()
    assert len(found) <= MOST_DOORS, "\n".join(found)
    assert not [place for place in found if place.startswith("policies")]


def test_the_ground_imports_the_pure_standard_library_and_numpy_alone() -> None:
    for path, tree in trees("policies"):
        allowed = {"policies", "numpy"} | ({"numba", "llvmlite"} if "native" in path.parts else set())
        names = imported(tree) - allowed
        assert names <= sys.stdlib_module_names, path
        assert not names & IMPURE, path


def test_every_routing_policy_is_registered_under_its_files_name() -> None:
    stems = {path.stem for path in (ROOT / "policies/route").rglob("*.py")} - {"__init__"}
    assert {policy.name() for policy in ROUTES} == stems == set(ROUTES.names())


@pytest.mark.parametrize("folder", ["sims/traces", "sims/workloads", "pool/kv_sources"])
def test_whatever_registers_itself_is_named_for_its_file(folder: str) -> None:
    package = import_module(folder.replace("/", "."))
    stems = {path.stem for path in (ROOT / folder).glob("*.py")} - {"__init__"}
    assert stems
    for stem in stems:
        assert import_module(f"{package.__name__}.{stem}").__doc__


def test_every_module_says_what_it_is() -> None:
    silent = [str(path) for path, tree in trees(*SHIPPED) if tree.body and not ast.get_docstring(tree)]
    assert not silent


def test_the_generated_protobuf_is_what_its_sources_generate(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "proto/generate.py"), "--out", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    fresh = {path.name: path.read_text() for path in (tmp_path / "weir/v1").iterdir()}
    checked_in = {path.name: path.read_text() for path in (ROOT / "proto/weir/v1").glob("*_pb2*.py*")}
    assert fresh == checked_in


def test_proto_is_a_folder_and_not_a_package_of_ours() -> None:
    assert not (ROOT / "proto/__init__.py").exists()
    assert "weir" not in packages_distributions().get("proto", [])
    assert not [path for path, tree in trees(*PACKAGES, "tests") if "proto" in imported(tree)]
    built = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"][
        "packages"
    ]
    assert "proto/weir" in built
    assert "proto" not in built


def test_every_package_is_one_and_stands_under_the_import_contracts() -> None:
    told = (ROOT / ".importlinter").read_text()
    for package in SHIPPED:
        assert (ROOT / package / "__init__.py").exists(), package
        assert re.search(rf"^    {Path(package).name}$", told, re.MULTILINE)
    top = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert top - {"bench", "tests"} <= set(SHIPPED)


def test_imports_keep_the_contracts(tmp_path: Path) -> None:
    lint = Path(sys.executable).parent / "lint-imports"
    paths = f"{ROOT}:{ROOT / 'proto'}"
    done = subprocess.run(
        [lint, "--config", ROOT / ".importlinter", "--no-cache"],
        cwd=tmp_path,
        env={"PYTHONPATH": paths},
        capture_output=True,
    )
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


def test_tests_are_sentences_with_names_of_their_own() -> None:
    names = [
        node.name
        for _, tree in trees("tests")
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    tests = [name for name in names if name.startswith("test_")]
    assert not [name for name in tests if name.count("_") < 2]
    files = Counter(path.name for path in sources("tests") if path.name.startswith("test_"))
    assert not [name for name, n in files.items() if n > 1]
