"""Refusals in the client's words: one table from reason to status, OpenAI error type and sentence."""

from typing import NamedTuple

import msgspec

from policies.decision import Refusal


class Refused(NamedTuple):
    """How one reason is told."""

    status: int
    kind: str
    message: str


TABLE = {
    Refusal.NO_REPLICA: Refused(503, "service_unavailable", "No replica of {model} is ready; try again shortly."),
    Refusal.UNKNOWN_MODEL: Refused(404, "not_found_error", "The model {model} does not exist here; see /v1/models."),
    Refusal.SATURATED: Refused(429, "overloaded_error", "Every replica of {model} is saturated; try again later."),
    Refusal.DEADLINE: Refused(504, "timeout_error", "The request's deadline passed before an answer began."),
    Refusal.TOO_LONG: Refused(
        400,
        "invalid_request_error",
        "{model} takes at most {limit} tokens; this prompt is about {tokens} and asks for {max_tokens} more. "
        "Shorten the prompt or lower max_tokens.",
    ),
    Refusal.RETRIES: Refused(502, "upstream_error", "Replicas of {model} failed before answering; try again."),
    Refusal.DRAINING: Refused(503, "service_unavailable", "This router is shutting down; try again elsewhere."),
}

REASONS = {
    200: b"OK", 202: b"Accepted", 400: b"Bad Request", 401: b"Unauthorized", 403: b"Forbidden", 404: b"Not Found",
    405: b"Method Not Allowed", 408: b"Request Timeout", 409: b"Conflict", 411: b"Length Required",
    413: b"Content Too Large", 415: b"Unsupported Media Type", 417: b"Expectation Failed",
    422: b"Unprocessable Content", 429: b"Too Many Requests",
    431: b"Request Header Fields Too Large", 500: b"Internal Server Error", 501: b"Not Implemented",
    502: b"Bad Gateway", 503: b"Service Unavailable", 504: b"Gateway Timeout", 505: b"HTTP Version Not Supported",
}  # fmt: skip

_encode = msgspec.json.Encoder().encode


def error_body(message: str, kind: str, code: str | None = None, param: str | None = None) -> bytes:
    """An error as OpenAI's API words it."""
    return _encode({"error": {"message": message, "type": kind, "param": param, "code": code}})


def reply(
    status: int, body: bytes, *, close: bool = False, extra: bytes = b"", kind: bytes = b"application/json"
) -> bytes:
    """A whole HTTP/1.1 reply; a status of a replica's own may be one that has no words here."""
    last = b"connection: close\r\n" if close else b""
    return b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n%b%b\r\n%b" % (
        status, REASONS.get(status, b""), kind, len(body), extra, last, body,
    )  # fmt: skip


def refusal(reason: Refusal, retry_after_s: float, request_id: str, **words: object) -> bytes:
    """A refused request's reply: status, reason header, and when to come back."""
    told = TABLE[reason]
    extra = b"x-weir-refused: %b\r\nx-request-id: %b\r\n" % (reason.value.encode(), request_id.encode())
    if told.status in (429, 503):
        extra += b"retry-after: %d\r\n" % max(round(retry_after_s), 1)
    return reply(told.status, error_body(told.message.format(**words), told.kind, reason.value), extra=extra)
