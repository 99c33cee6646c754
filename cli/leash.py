"""`python -m cli.leash PARENT COMMAND...`: become a command that the kernel stops when PARENT dies."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask the kernel, then turn into the command; where the kernel knows no such thing, just turn."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        return
    os.execvp(command[0], command)  # noqa: S606 (our own child, no shell wanted)


if __name__ == "__main__":
    main()
