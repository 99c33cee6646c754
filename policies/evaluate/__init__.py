"""What a policy would have earned, told from the decisions of another: one estimator a file."""
