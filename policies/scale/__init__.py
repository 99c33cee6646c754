"""How many replicas a pool should have: one policy a file, its name the file's stem."""
