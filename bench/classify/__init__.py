"""What the classification claims share: which rows teach, which are tested, and how sure a figure is."""
