"""Proofs over rules: what can fire, what can fire together, who reaches what; each claim with a counter-example."""
