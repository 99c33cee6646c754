"""The processes that a process started, and those started by them."""

import os
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")


def descendants(pid: int) -> list[int]:
    """Every living process below `pid`, parents first; none where the system has no /proc."""
    children: dict[int, list[int]] = {}
    for each, parent in _parents():
        children.setdefault(parent, []).append(each)
    found, at = [pid], 0
    while at < len(found):
        found += children.get(found[at], [])
        at += 1
    return found[1:]


def kill(pids: Iterable[int]) -> None:
    """End them at once, those that are still there."""
    for pid in dict.fromkeys(pids):
        try:
            os.kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


class Processor(NamedTuple):
    """Processor time in seconds: used, and waited for while others used it."""

    used_s: float
    waited_s: float


def processor(pid: int, *, alone: bool = False) -> Processor:
    """Of a process so far, and of all below it unless `alone`; 0 where the system does not tell."""
    used = waited = 0
    for each in [pid] if alone else [pid, *descendants(pid)]:
        try:
            found = (PROC / str(each) / "schedstat").read_text().split()
        except OSError:
            continue
        used, waited = used + int(found[0]), waited + int(found[1])
    return Processor(1e-9 * used, 1e-9 * waited)


def _parents() -> list[tuple[int, int]]:
    """(process, its parent), read from /proc."""
    pairs = []
    for entry in PROC.glob("[0-9]*/stat"):
        try:
            said = entry.read_text(errors="replace")
        except OSError:  # it ended meanwhile
            continue
        # the name in parentheses may hold anything, also blanks and parentheses
        pairs.append((int(entry.parent.name), int(said.rpartition(")")[2].split()[1])))
    return pairs
