"""Twenty-nine models with prices: the best accuracy for a budget."""
