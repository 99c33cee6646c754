"""Which replica: one policy a file, its name the file's stem."""
