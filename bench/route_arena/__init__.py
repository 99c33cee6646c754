"""Two models with real bills beside the points of public routers."""
