"""Weir's gateway beside its peers: the same replicas, the same client, one run."""
