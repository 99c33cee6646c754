"""Many simulations of one thing: seeds, policies and settings by path, over cores or machines, resumable."""
