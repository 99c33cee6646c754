"""The part of a text that signals look at: long texts take no longer than short ones."""

HEAD = 12_000  # characters
TAIL = 4_000


def excerpt(text: str) -> str:
    """The beginning and the end of a text, the whole of it where it is short."""
    if len(text) <= HEAD + TAIL:
        return text
    return f"{text[:HEAD]}\n{text[-TAIL:]}"
