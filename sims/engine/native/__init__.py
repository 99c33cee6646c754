"""The loop as machine code, compiled ahead and loaded without numba, like `policies.native`."""
