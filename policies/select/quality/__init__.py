"""Expected quality of each model for a request, from features: pure forwards over plain arrays."""
