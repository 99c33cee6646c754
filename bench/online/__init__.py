"""Bandits over a stream of recorded answers in which the best model gets worse half-way."""
