"""Nine open models on fourteen kinds of task."""
