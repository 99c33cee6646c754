"""A router restarted under load: how soon it knows again what every replica's cache holds."""
