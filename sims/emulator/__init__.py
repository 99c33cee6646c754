"""An emulated fleet: replicas that speak vLLM's HTTP and KV events, their timing given by the reference engine."""
