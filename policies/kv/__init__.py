"""What the fleet's KV caches hold: block hashes and the index from block to replicas."""
