"""Images: how many tokens each family of models makes of one, and what its encoder costs. One sheet a family."""
