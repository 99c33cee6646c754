"""Envoy with Weir as its endpoint picker, beside Envoy alone and beside other processors: one run."""
