"""What the router keeps of each model it serves: limits, how to count its tokens, what it learned of it."""

import array
from collections.abc import Sequence

import numpy as np

from policies.fleet import Replica
from policies.kv.blocks import salted
from policies.native.index import BlockBuffer
from router.estimate import Estimate
from router.order import Order
from weir.prompt import render
from weir.tokenizer import Tokenizer, UnknownTokenizer, tokenizer


class Model:
    """One served name."""

    __slots__ = (
        "block_tokens", "chat_template", "context_limit", "estimate", "name", "number", "text_parent", "tokenizer",
    )  # fmt: skip

    def __init__(self, number: int, replica: Replica, may_tokenise: bool) -> None:
        self.name, self.number = replica.model, float(number)
        self.context_limit, self.block_tokens = replica.context_limit, replica.block_tokens
        self.chat_template = replica.chat_template
        self.estimate = Estimate()
        self.text_parent = salted("text", replica.model)
        self.tokenizer = _quick_tokenizer(replica.tokenizer) if may_tokenise and replica.tokenizer else None

    def hash_tokens(self, blocks: BlockBuffer, tokens: Sequence[int]) -> int:
        """Hash a prompt as tokens into `blocks`; returns how many tokens."""
        blocks.tokens(np.frombuffer(array.array("I", tokens), dtype=np.uint32), self.block_tokens)
        return len(tokens)

    def tokens(self, order: Order) -> list[int] | None:
        """The token ids of a prompt, where they are given or this model's vocabulary is known."""
        if order.tokens is None and self.tokenizer is not None:
            if order.messages is not None:
                order.tokens = self.tokenizer.encode(render(order.messages, self.chat_template))
            elif order.prompt is not None:
                order.tokens = self.tokenizer.encode(order.prompt)
        return order.tokens


def _quick_tokenizer(name: str) -> Tokenizer | None:
    """The vocabulary if it is fast enough to run on the loop; otherwise the model's prompts are compared as text."""
    try:
        found = tokenizer(name)
    except UnknownTokenizer:
        return None
    return found if found.quick else None
