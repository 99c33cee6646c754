"""Scripts that run inside the peers' own virtual environment; each prints one JSON line."""
