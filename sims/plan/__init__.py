"""The planner: which GPUs, how many, in which pools, for this traffic and these deadlines, and what it costs."""
