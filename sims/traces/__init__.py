"""Trace formats: one a file, its name the file's stem; `reading` holds what they share."""
