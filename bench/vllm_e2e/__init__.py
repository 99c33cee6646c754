"""Real vLLM behind the gateway: what is predicted, what survives, what is handed over."""
