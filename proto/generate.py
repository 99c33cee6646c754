"""Generate the protobuf modules beside their sources: `python proto/generate.py [--out FOLDER]`."""

import sys
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


if __name__ == "__main__":
    sys.exit(generate(Path(sys.argv[2]) if sys.argv[1:2] == ["--out"] else HERE))
