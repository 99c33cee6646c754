"""What measured deployments had and the simulator's engines have not: older batching, caches outside the GPU."""
