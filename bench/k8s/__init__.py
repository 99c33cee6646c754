"""docs/kubernetes.md, line by line, at a real API server."""
