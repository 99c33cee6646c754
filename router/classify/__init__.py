"""Embedding models and the heads on them, in a process of their own."""
