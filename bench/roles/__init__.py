"""Replicas that change their role as code and conversation alternate, beside fleets that do not."""
