"""One request as the doors hand it to the core."""

from collections.abc import Sequence

from policies.decision import Outcome

MEDIA_BYTES = 4000  # of text that has about the tokens of an image: a thousand


class Order:
    """What a decision needs of a request; `text` from `start` on is the prompt as bytes to compare and count."""

    __slots__ = (
        "bills", "chat", "choice", "compressible", "id", "lag", "max_tokens", "media", "messages", "model", "pools",
        "prompt", "prompt_tokens", "records", "said_bytes", "salt", "session", "shows_ids", "slo", "stamp", "start",
        "stream", "tenant", "text", "tokens", "tools", "uncut_tokens", "untold", "wider",
    )  # fmt: skip

    def __init__(
        self,
        id: str,  # noqa: A002 (what it is called everywhere)
        model: str,
        text: bytes,
        start: int = 0,
        max_tokens: int = 0,  # 0: the client set no bound
        stream: bool = False,
        session: str = "",
        tenant: str = "",
        slo: str = "",
        prompt_tokens: int = 0,  # the length, where neither text nor tokens are given
        tokens: Sequence[int] | None = None,
    ) -> None:
        self.id, self.model, self.text, self.start = id, model, text, start
        self.max_tokens, self.stream = max_tokens, stream
        self.session, self.tenant, self.slo = session, tenant, slo
        self.prompt_tokens, self.tokens = prompt_tokens, tokens
        self.chat: Sequence[object] | None = None  # the messages as they were parsed
        self.messages: list[tuple[str, str]] | None = None  # the same as (role, text), where tokens are to be counted
        self.prompt: str | None = None  # a completion's text
        self.lag = -1  # characters of its stream an engine may hold back; -1: another replica could not go on with it
        self.shows_ids = False  # whether the client asked for token ids itself
        self.compressible = False  # whether its prompt may be compressed to fit a pool of short ones
        self.uncut_tokens = 0.0  # that its prompt had before it was compressed; 0: it was not
        self.salt = ""  # prompts of another `cache_salt` share no block with it
        self.tools = 0  # a hash of the tools that the model may call; 0 for none
        self.untold = ""  # why its tokens cannot be told here, where a vocabulary was asked
        self.pools: tuple[str, ...] = ()  # only there; empty: wherever the model is served
        self.wider: tuple[str, ...] | None = None  # these where nobody is ready there; None: only there
        self.choice: dict[str, object] | None = None  # how its model was chosen, where it was: for the record
        self.stamp = b""  # what the reply's head says of that
        self.records: list[dict[str, object]] | None = None  # where its decision records go, where they are another's
        self.bills: list[tuple[str, Outcome]] | None = None  # what each attempt came to, by replica, where one asks
        self.media = self.said_bytes = 0  # images and the like, and the bytes of what is text beside them

    @property
    def text_bytes(self) -> int:
        """Bytes of the prompt, an image counted as a text of about as many tokens."""
        if self.media:
            return self.said_bytes + self.media * MEDIA_BYTES
        return len(self.text) - self.start
