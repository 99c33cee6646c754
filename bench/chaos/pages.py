"""Reading a router's metrics."""

import urllib.error
import urllib.request

from bench.chaos.link import HOST


def sample(port: int, series: str) -> float:
    """The value of one series; 0 where it, or the page, is not there."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=2.0) as page:
            lines = page.read().decode().splitlines()
    except (urllib.error.URLError, OSError):
        return 0.0
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{series} "))


def labelled(port: int, name: str) -> dict[str, float]:
    """A counter's values by the value of its only label."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=2.0) as page:
            lines = page.read().decode().splitlines()
    except (urllib.error.URLError, OSError):
        return {}
    found = [line.rpartition(" ") for line in lines if line.startswith(f"{name}{{")]
    return {labels.split('"')[1]: float(value) for labels, _, value in found}
