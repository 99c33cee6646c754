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

NEAR_LIMIT = 0.7  # share of the context limit beyond which an estimate is not good enough to refuse by


class Model:
    """One served name.

    Tokens are counted where that tells something: where replicas publish what they hold, in blocks of tokens, and
    near the context limit. Elsewhere prompts are compared as text, at a fifth of the cost.
    """

    __slots__ = (
        "_counting", "_vocabulary", "block_tokens", "chat_template", "context_limit", "estimate", "name", "number",
        "publishes", "text_parent", "tokenizer_name",
    )  # fmt: skip

    def __init__(self, number: int, replica: Replica, counting: str) -> None:
        self.name, self.number = replica.model, float(number)
        self.context_limit, self.block_tokens = replica.context_limit, replica.block_tokens
        self.chat_template, self.tokenizer_name = replica.chat_template, replica.tokenizer
        self.estimate = Estimate()
        self.text_parent = salted("text", replica.model)
        self.publishes = False  # whether a replica of it publishes KV events
        self._counting = counting
        self._vocabulary: Tokenizer | None = None

    @property
    def counts_tokens(self) -> bool:
        """Whether prompts can be counted in tokens, without which a replica's events say nothing of them."""
        return bool(self.tokenizer_name) and self._counting != "estimate"

    def vocabulary(self, order: Order) -> Tokenizer | None:
        """The tokenizer that should count an order's tokens; None where an estimate will do."""
        if not self.counts_tokens:
            return None
        if not (self.publishes or self._counting == "always"):
            tokens = (len(order.text) - order.start) / self.estimate.bytes_per_token
            if tokens < NEAR_LIMIT * self.context_limit:
                return None
        if self._vocabulary is None:
            self._vocabulary = self._load()
        return self._vocabulary

    def count(self, order: Order, vocabulary: Tokenizer) -> None:
        """Note an order's token ids; raises `UnicodeError` for text that is none."""
        if order.messages is not None:
            order.tokens = vocabulary.encode(render(order.messages, self.chat_template))
        elif order.prompt is not None:
            order.tokens = vocabulary.encode(order.prompt)

    def hash_tokens(self, blocks: BlockBuffer, tokens: Sequence[int]) -> int:
        """Hash a prompt as tokens into `blocks`; returns how many tokens."""
        blocks.tokens(np.frombuffer(array.array("I", tokens), dtype=np.uint32), self.block_tokens)
        return len(tokens)

    def _load(self) -> Tokenizer | None:
        try:
            return tokenizer(self.tokenizer_name)
        except UnknownTokenizer:
            self.tokenizer_name = ""  # so that it is not looked for again
            return None
