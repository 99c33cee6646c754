"""Where a prompt's chain of block hashes starts: the same for a pool that reads events and for a router.

What an engine hashes beside the tokens of a first block is told apart by name, so that a salt that reads like an
adapter's name is still another prompt. A prompt without any starts at `policies.kv.blocks.ROOT`.
"""

from policies.kv.blocks import ROOT, salted

ADAPTER, SALT, ITEM, OTHER = "lora", "salt", "mm", "other"


def root(adapter: str = "", salt: str = "") -> int:
    """The parent of the first block of a prompt for an adapter, with a cache salt; ROOT for neither."""
    parts = [*((ADAPTER, adapter) if adapter else ()), *((SALT, salt) if salt else ())]
    return salted(*parts) if parts else ROOT


def text_root(model: str, salt: str = "") -> int:
    """The same for a prompt compared as text, which shares nothing with another model's."""
    return salted("text", model, SALT, salt) if salt else salted("text", model)
