"""A fleet that is adapted in a loop: what goes wrong, which knob cures it, what may be turned together (O21)."""
