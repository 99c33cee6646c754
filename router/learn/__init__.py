"""Training of what chooses a model: outcomes in, plain arrays for the forwards of `policies/select` out."""
