"""Where the pool learns which replicas there are."""
