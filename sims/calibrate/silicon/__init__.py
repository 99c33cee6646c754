"""Served latency of whole deployments: what NVIDIA and InferenceX measured, and a model of it that carries over."""
