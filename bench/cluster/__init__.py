"""A real Kubernetes API on this machine: built once, started by the tests and benchmarks that need it."""
