"""The OpenAI-compatible HTTP gateway, at protocol level: bytes in, bytes out."""
