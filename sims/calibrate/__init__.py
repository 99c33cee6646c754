"""From measurements to numbers: step coefficients, engine overheads, and how far off they are."""
