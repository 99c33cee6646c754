"""The service that knows the fleet: which replicas there are, what they are doing, what their caches hold."""
