"""What one routing decision costs, through the very classes that decide for live requests."""
