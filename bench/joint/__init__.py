"""Which model and which replica, together: the same chooser with and without sight of the fleet."""
