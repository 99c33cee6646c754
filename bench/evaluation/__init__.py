"""Everything that is claimed of understanding requests and choosing models, measured in one go."""
