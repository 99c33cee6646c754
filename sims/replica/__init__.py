"""One inference engine in virtual time: vLLM v1's scheduler and prefix cache over a latency model; no clock, no I/O."""
