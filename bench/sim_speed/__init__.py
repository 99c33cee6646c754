"""How fast the simulator is, in one run beside Vidur and vLLM Semantic Router's fleet simulator."""
