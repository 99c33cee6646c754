"""Generate the protobuf modules beside their sources: `python proto/generate.py [--out FOLDER | --check]`."""

import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

HERE = Path(__file__).parent


def generate(out: Path) -> int:
    """Write `weir/v1/*_pb2*.py[i]` below `out`; returns protoc's exit status."""
    sources = sorted(str(p.relative_to(HERE)) for p in (HERE / "weir" / "v1").glob("*.proto"))
    include = str(files("grpc_tools") / "_proto")
    flags = [f"--{kind}={out}" for kind in ("python_out", "pyi_out", "grpc_python_out")]
    return int(protoc.main(["protoc", f"-I{HERE}", f"-I{include}", *flags, *sources]))


def drifted() -> list[str]:
    """The checked-in modules that differ from what their sources generate now."""
    with tempfile.TemporaryDirectory() as scratch:
        if status := generate(Path(scratch)):
            raise SystemExit(status)
        fresh = sorted(Path(scratch).rglob("*_pb2*"))
        pairs = [(path, HERE / path.relative_to(scratch)) for path in fresh]
        return [str(ours) for path, ours in pairs if not ours.exists() or ours.read_text() != path.read_text()]


def main() -> int:
    """Generate, or say what has drifted."""
    if sys.argv[1:] == ["--check"]:
        found = drifted()
        sys.stderr.write("".join(f"{name} is stale: run `python proto/generate.py`\n" for name in found))
        return int(bool(found))
    return generate(Path(sys.argv[2]) if sys.argv[1:2] == ["--out"] else HERE)


if __name__ == "__main__":
    sys.exit(main())
