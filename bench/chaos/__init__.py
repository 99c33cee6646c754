"""Load whose every answer is known, through real processes that are killed, paused and cut off from one another."""
