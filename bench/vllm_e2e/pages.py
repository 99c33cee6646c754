"""Reading an engine's pages."""

import urllib.request


def page(url: str, path: str) -> str:
    """What a GET answers."""
    with urllib.request.urlopen(url + path, timeout=10.0) as reply:
        text: str = reply.read().decode()
    return text


def series(url: str, name: str, label: str = "") -> float:
    """The sum of a metric's series that have that label."""
    lines = [line for line in page(url, "/metrics").splitlines() if line.startswith((f"{name}{{", f"{name} "))]
    return sum(float(line.rpartition(" ")[2]) for line in lines if label in line)
