"""llm-d's "73 % capacity" benchmark: four policies over eight replicas, simulated and held against its report."""
