"""Model choice in a simulation: which question an arrival asks, who would answer it how well, and who chooses."""
