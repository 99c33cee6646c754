"""What the router keeps of each model it serves: limits, how to count its tokens, what it learned of it."""

import array
import logging

import msgspec
import numpy as np

from policies.fleet import Replica
from policies.native.index import BlockBuffer
from router.estimate import Estimate
from router.order import Order
from weir.block_roots import root, text_root
from weir.conversation import NotReproducible
from weir.model_files import ModelFiles
from weir.prompt import render
from weir.tokenizer import Tokenizer, UnknownTokenizer, tokenizer

log = logging.getLogger(__name__)

NEAR_LIMIT = 0.7  # share of the context limit beyond which an estimate is not good enough to refuse by
MOST_SALTS = 1024  # roots of salted prompts that are remembered

_decode = msgspec.json.Decoder().decode


class Model:
    """One served name: a model's, or that of an adapter of it, which other replicas' tokens may not be told from.

    Tokens are counted where that tells something: where replicas publish what they hold, in blocks of tokens, and
    near the context limit. Elsewhere prompts are compared as text, at a fifth of the cost.
    """

    __slots__ = (
        "_counting", "_root", "_roots", "_vocabulary", "adapter", "block_tokens", "chat_template", "context_limit",
        "estimate", "name", "number", "publishes", "text_parent", "tokenizer_name",
    )  # fmt: skip

    def __init__(self, number: int, replica: Replica, counting: str, adapter: str = "") -> None:
        self.name, self.number, self.adapter = adapter or replica.model, float(number), adapter
        self.context_limit, self.block_tokens = replica.context_limit, replica.block_tokens
        self.chat_template, self.tokenizer_name = replica.chat_template, replica.tokenizer
        self.estimate = Estimate()
        self.text_parent, self._root = text_root(self.name), root(adapter)
        self.publishes = False  # whether a replica of it publishes KV events
        self._counting = counting
        self._roots: dict[str, tuple[int, int]] = {}
        self._vocabulary: Tokenizer | None = None

    def described(self, replica: Replica, number: int) -> None:
        """A replica of it is described, perhaps anew: an engine's own word on its blocks goes before the file's; the
        model takes what any of its replicas takes. One that was only expected has no number before the first.
        """
        if self.number < 0.0:
            self.number = float(number)
        self.context_limit = max(self.context_limit, replica.context_limit)
        self.block_tokens = replica.block_tokens
        if replica.events:
            self.publishes = True

    @property
    def counts_tokens(self) -> bool:
        """Whether prompts can be counted in tokens, without which a replica's events say nothing of them."""
        return bool(self.tokenizer_name) and self._counting != "estimate"

    @property
    def counts_every(self) -> bool:
        """Whether every prompt is counted in tokens, however far from the limit."""
        return self.counts_tokens and (self.publishes or self._counting == "always")

    def counts(self, order: Order) -> bool:
        """Whether an order's tokens should be counted; an estimate will do otherwise."""
        if self.counts_every or not self.counts_tokens:
            return self.counts_every
        tokens = (len(order.text) - order.start) / self.estimate.bytes_per_token
        return tokens >= NEAR_LIMIT * self.context_limit

    def vocabulary(self, order: Order) -> Tokenizer | None:
        """The tokenizer that should count an order's tokens; None where an estimate will do."""
        if not self.counts(order):
            return None
        if self._vocabulary is None:
            self._vocabulary = self._load()
        return self._vocabulary

    def preload(self) -> None:
        """Read the vocabulary now, where prompts are going to be counted by it: reading one may take a second."""
        if self._vocabulary is None and self.counts_every:
            self._vocabulary = self._load()

    def hash_tokens(self, blocks: BlockBuffer, order: Order) -> int:
        """Hash an order's tokens into `blocks`; returns how many tokens.

        An engine computes at least a prompt's last token, so a block that ends with it is never taken from the cache.
        """
        tokens = order.tokens
        assert tokens is not None
        packed = tokens if isinstance(tokens, array.array) else array.array("I", tokens)
        parent = self.roots(order.salt)[0] if order.salt else self._root
        if len(packed) > 1:
            blocks.tokens(np.frombuffer(packed, dtype=np.uint32)[: len(packed) - 1], self.block_tokens, parent)
        else:
            blocks.n = 0
        return len(packed)

    def roots(self, salt: str) -> tuple[int, int]:
        """Where the chains of a salted prompt start, as tokens and as text."""
        known = self._roots.get(salt)
        if known is None:
            if len(self._roots) >= MOST_SALTS:
                self._roots.clear()
            known = self._roots[salt] = (root(self.adapter, salt), text_root(self.name, salt))
        return known

    def _load(self) -> Tokenizer | None:
        try:
            return tokenizer(self.tokenizer_name, self.chat_template)
        except UnknownTokenizer as unknown:
            log.warning("%s: prompts are compared as text: %s", self.name, unknown)
            self.tokenizer_name = ""  # so that it is not looked for again
            return None


def count(order: Order, template: str, vocabulary: Tokenizer) -> None:
    """Note an order's token ids, or why they cannot be told; raises `UnicodeError` for text that is none."""
    if isinstance(vocabulary, ModelFiles):
        _reproduce(order, vocabulary)
    elif order.messages is not None:
        order.tokens = vocabulary.encode(render(order.messages, template))
    elif order.prompt is not None:
        order.tokens = vocabulary.encode(order.prompt)


def _reproduce(order: Order, files: ModelFiles) -> None:
    """The engine's own tokens from the whole body: a template reads fields that routing does not."""
    if order.chat is None and order.prompt is None:
        order.untold = "path"
        return
    try:
        order.tokens = files.tokens(_decode(order.text))
    except NotReproducible as why:
        order.untold = str(why)
