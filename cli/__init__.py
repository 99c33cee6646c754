"""The `weir` command: composes the parts below, nothing else. Commands import what they run when they run it."""
