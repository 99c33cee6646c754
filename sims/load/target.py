"""Where requests go, and an arrival as the bytes of one HTTP request."""

import ssl
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import msgspec

from sims.arrival import Arrival
from sims.load.prompts import Prompts


class BadUrl(ValueError):
    """An address that is no HTTP address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One OpenAI API."""

    host: str
    port: int
    tls: bool
    path: str
    api_key: str = ""

    @classmethod
    def of(cls, url: str, api_key: str = "") -> "Target":
        """From http(s)://host[:port][/prefix]; raises `BadUrl`."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise BadUrl(f"{url!r} is no address: {error}") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadUrl(f"{url!r} is no address: write http://host:port")
        prefix = parts.path.rstrip("/").removesuffix("/v1")
        tls = parts.scheme == "https"
        return cls(
            host=parts.hostname,
            port=port or (443 if tls else 80),
            tls=tls,
            path=f"{prefix}/v1/chat/completions",
            api_key=api_key,
        )

    def context(self) -> ssl.SSLContext | None:
        """How to secure the connection."""
        return ssl.create_default_context() if self.tls else None

    def head(self) -> bytes:
        """The part of the request that is always the same."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        lines = [
            f"POST {self.path} HTTP/1.1",
            f"Host: {host}:{self.port}",
            "Content-Type: application/json",
            *([f"Authorization: Bearer {self.api_key}"] if self.api_key else []),
        ]
        return "".join(f"{line}\r\n" for line in lines).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Composer:
    """Turns arrivals into requests for one target."""

    head: bytes
    model: str  # asked for when the arrival names none
    prompts: Prompts

    def compose(self, arrival: Arrival, index: int, request_id: str) -> bytes:
        """The bytes of one streamed chat completion of exactly `output_tokens` tokens."""
        content = b'"%s"' % self.prompts.text(arrival, index)
        if arrival.text is not None:
            content = msgspec.json.encode(arrival.text)
        body = (
            b'{"model":%s,"messages":[{"role":"user","content":%s}],"max_tokens":%d,"ignore_eos":true,'
            b'"stream":true,"stream_options":{"include_usage":true}}'
        ) % (msgspec.json.encode(arrival.model or self.model), content, arrival.output_tokens)
        session = f"X-Weir-Session: {quote(arrival.session)}\r\n" if arrival.session else ""
        own = f"X-Request-Id: {request_id}\r\n{session}Content-Length: {len(body)}\r\n\r\n"
        return b"".join((self.head, own.encode(), body))
