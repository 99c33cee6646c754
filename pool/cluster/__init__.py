"""The Kubernetes API as the pool service uses it: lists and watches kept alive, a lease, and careful writes."""
