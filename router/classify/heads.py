"""Where trained heads are kept."""

from pathlib import Path

from policies.native.library import cache_folder


def heads_folder() -> Path:
    """Where heads are kept unless another folder is named."""
    return cache_folder() / "heads"
