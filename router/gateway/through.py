"""Who hears a reply on its way to the client, and may change what the client gets of it."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from router.gateway.exchange import Exchange


class Through(Protocol):
    """One reply's way; its bytes are framed as the replica framed them."""

    def feed(self, data: bytes) -> bytes:
        """The next bytes of the body; returns those that go to the client, which may be none."""

    def over(self, exchange: "Exchange", whole: bool) -> None:
        """Nothing more comes: the reply is whole, or it broke off, or there was none."""


class Beside(Protocol):
    """Work that is done for a request while it is sent nowhere itself."""

    def cancel(self) -> None:
        """The request ended: so does the work."""
