"""What a request says of itself: its structure, parsed once at the door."""

from collections.abc import Mapping
from typing import NamedTuple

UNTOLD = float("nan")


class Message(NamedTuple):
    """One message of a conversation; its text is what a model reads, images counted apart."""

    role: str  # "system" | "user" | "assistant" | "tool"
    text: str
    tool_calls: tuple[str, ...] = ()  # names of the tools that an assistant called
    failed: bool = False  # a tool's answer that tells an error
    images: int = 0


class Facts(NamedTuple):
    """One request as signals see it: nothing in it was predicted or learned."""

    id: str
    model: str
    messages: tuple[Message, ...]
    tools: tuple[str, ...] = ()  # names of the tools offered
    response_format: str = "text"  # "text" | "json_object" | "json_schema"
    prompt_tokens: int = 0
    visual_tokens: int = 0
    max_tokens: int = 0
    session: str = ""
    previous_response: str = ""  # id of the response that this one goes on from
    tenant: str = ""
    headers: Mapping[str, str] = {}  # lower-case names
    claims: Mapping[str, str] = {}  # of a verified token
    session_risk: float = UNTOLD  # what has built up over the session, this turn among it
    caller_reputation: float = UNTOLD  # 0..1; 1 when nothing is held against the caller
    usual_domain: str = ""  # of this system prompt's requests before; empty where it is not known
    usual_tools: float = UNTOLD  # the share of them that offered tools
    usual_turns: float = UNTOLD  # the median of its sessions' turns
    usual_turns_p90: float = UNTOLD

    def system_text(self) -> str:
        """The first system message; empty where there is none."""
        return next((m.text for m in self.messages if m.role == "system"), "")

    def last_user_text(self) -> str:
        """The newest user message; empty where there is none."""
        return next((m.text for m in reversed(self.messages) if m.role == "user"), "")
