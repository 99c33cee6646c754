"""What classifying costs: milliseconds a prompt on one core, and what fifty requests at once do to a gateway."""
