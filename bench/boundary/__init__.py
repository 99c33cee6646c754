"""A boundary between two pools that follows the mix, beside every boundary that stays: `python -m bench.boundary`."""
