"""AIBrix's campaigns of a multi-round QA load over eight replicas: simulated, and held against their rows."""
