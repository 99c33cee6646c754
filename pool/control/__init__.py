"""What the one pool service that leads does to the cluster: scales, drains, relabels, and says so."""
