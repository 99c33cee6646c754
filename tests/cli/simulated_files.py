"""A trace and a fleet that are simulated in no time."""

from pathlib import Path

from tests.cli.weir_command import TINY

FLEET = TINY


def trace_file(folder: Path, count: int = 40, models: str = "") -> Path:
    """A trace in Azure's form, half a second between two requests."""
    path = folder / "trace.csv"
    rows = (f"2023-11-16 18:{15 + i // 120:02}:{i // 2 % 60:02}.{5 * (i % 2)}," for i in range(count))
    text = "".join(f"{row}{100 + 7 * i % 500},{10 + i % 50}{models}\n" for i, row in enumerate(rows))
    path.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n" + text)
    return path
