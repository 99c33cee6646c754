"""Decoders of engines' KV events, one file each: bytes in, values out, no socket."""
