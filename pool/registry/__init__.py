"""What outlives one pool process: who is in the fleet, and what their caches hold."""
