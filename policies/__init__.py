"""The ground: what things are, and every rule. Pure: no clock, no randomness, no I/O, no logging."""
