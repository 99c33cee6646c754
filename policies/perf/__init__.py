"""How long a step takes, how much KV fits, what it costs and draws: per GPU, model and parallelism."""
