"""Every shipped routing policy over the demo fleet, on real traces, at the same share of its capacity."""
