"""Routing policies of other projects, re-implemented as kernels from their sources: what Weir's are compared with.

Each says what it reads (`reads_load`, `reads_cache`, a history's bounds), whose it is (`origin`) and which laws of
routing its published formula breaks (`breaks`). Where a source draws at random, or lets a map's order decide, the hash
draw decides here; where it has a known defect, what was meant is built, and the docstring says so.

The simulator gives each what it reads. A live router gives any policy the same, its own count of requests in flight
and the one index it keeps: there a peer sees fresher loads and truer prefixes than at home.

There is no round robin: it needs a counter, which the laws forbid, and a request carries no number that could stand for
one. `random` is the baseline in its place; over many requests both spread them evenly.
"""
