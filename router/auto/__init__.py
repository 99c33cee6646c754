"""Requests that name no model: read, decided by rules, rewritten, and sent on as if they had named it."""
