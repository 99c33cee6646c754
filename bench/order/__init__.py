"""Every registered routing policy, Weir's and its peers', over the demo fleet on four real traces."""
