"""Real engines on this machine: installed from pip, with a tiny model made in place, started and stopped."""
