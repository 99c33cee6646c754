"""The classifier's inner loops: plain functions on arrays, compiled ahead of time and called without Python's lock."""
