"""Envoy's external processing protocol: any Envoy as the data plane, the same core decides."""
