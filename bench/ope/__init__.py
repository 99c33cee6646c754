"""Off-policy estimates on MMLU-Pro, where every model's answer is known and so is the truth."""
