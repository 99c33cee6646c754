"""Compile the classifier's loops: `python -m router.classify.native.build OUT.so`. Needs numba and a C compiler."""

import sys
from pathlib import Path

from policies.native.build import link
from router.classify.native.entries import entries

if __name__ == "__main__":
    link(entries(), Path(sys.argv[1]))
