"""How much of what a fleet's caches could give it gets, by how well the router knows them."""
