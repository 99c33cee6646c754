"""One request as the doors hand it to the core."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from policies.decision import Outcome

if TYPE_CHECKING:
    from router.apart.answer import Digest

# Headers that say whose a request is and how much it matters; of several the first counts.
SESSION = (b"x-weir-session", b"x-session-id")
TENANT = (b"x-weir-tenant", b"x-gateway-inference-fairness-id", b"x-llm-d-inference-fairness-id")
SLO = (b"x-weir-slo",)
OBJECTIVE = (b"x-gateway-inference-objective", b"x-llm-d-inference-objective")
MEDIA_BYTES = 4000  # of text that has about the tokens of an image: a thousand


class Order:
    """What a decision needs of a request; `text` from `start` on is the prompt as bytes to compare and count."""

    __slots__ = (
        "bills", "chat", "choice", "compressible", "digest", "id", "lag", "longer", "max_tokens", "media", "messages",
        "model", "pools", "priority", "prompt", "prompt_tokens", "records", "said_bytes", "salt", "session",
        "sheddable", "shows_ids", "slo", "stamp", "start", "stream", "tenant", "text", "tokens", "tools",
        "uncut_tokens", "untold", "wider",
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
        self.longer = 1.0  # times as long as its model's answers that this one is expected to be
        self.session, self.tenant, self.slo = session, tenant, slo
        self.prompt_tokens, self.tokens = prompt_tokens, tokens
        self.chat: Sequence[object] | None = None  # the messages as they were parsed
        self.messages: list[tuple[str, str]] | None = None  # the same as (role, text), where tokens are to be counted
        self.prompt: str | None = None  # a completion's text
        self.digest: Digest | None = None  # what rules need of a large body, read apart
        self.lag = -1  # characters of its stream an engine may hold back; -1: another replica could not go on with it
        self.shows_ids = False  # whether the client asked for token ids itself
        self.compressible = False  # whether its prompt may be compressed to fit a pool of short ones
        self.uncut_tokens = 0.0  # that its prompt had before it was compressed; 0: it was not
        self.priority = 0  # who goes first of those that wait
        self.sheddable = False  # whether it is refused where it would wait or be late
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
    def widest(self) -> tuple[str, ...]:
        """The pools that it may go to where those that were chosen for it have nobody."""
        return self.pools if self.wider is None else self.wider

    @property
    def text_bytes(self) -> int:
        """Bytes of the prompt, an image counted as a text of about as many tokens."""
        if self.media:
            return self.said_bytes + self.media * MEDIA_BYTES
        return len(self.text) - self.start


def told(headers: dict[bytes, bytes], names: tuple[bytes, ...]) -> str:
    """What the first of some headers says that is there; nothing where that is not printable ASCII."""
    for name in names:
        value = headers.get(name)
        if value:
            text = value[:256].decode("latin-1")
            return text if text.isascii() and text.isprintable() else ""
    return ""
