"""Workload generators: one a file, its name the file's stem, its published parameters in a TOML file beside it."""
