"""Rules: conditions over readings, and what is to be done where they hold."""
