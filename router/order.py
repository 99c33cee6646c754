"""One request as the doors hand it to the core."""

from collections.abc import Sequence


class Order:
    """What a decision needs of a request; `text` from `start` on is the prompt as bytes to compare and count."""

    __slots__ = (
        "chat", "id", "max_tokens", "messages", "model", "prompt", "prompt_tokens", "session", "slo", "start", "stream",
        "tenant", "text", "tokens",
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
        tokens: list[int] | None = None,
    ) -> None:
        self.id, self.model, self.text, self.start = id, model, text, start
        self.max_tokens, self.stream = max_tokens, stream
        self.session, self.tenant, self.slo = session, tenant, slo
        self.prompt_tokens, self.tokens = prompt_tokens, tokens
        self.chat: Sequence[object] | None = None  # the messages as they were parsed
        self.messages: list[tuple[str, str]] | None = None  # the same as (role, text), where tokens are to be counted
        self.prompt: str | None = None  # a completion's text

    @property
    def text_bytes(self) -> int:
        """Bytes of the prompt."""
        return len(self.text) - self.start
