"""Signals: what is read of a request before it is routed, one file each."""
