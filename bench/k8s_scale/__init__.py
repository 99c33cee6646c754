"""A thousand pods in forty pools: how soon they are routable, and how soon a change of one is."""
