"""What the model-selection claims share: data, folds, curves and their pictures."""
