"""The claims of a caller's token: a JWT signed with the router's shared secret (HS256), verified before it is read."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

import msgspec

LONGEST = 8192  # bytes of a token
ALGORITHM = "HS256"  # the only one: a token does not choose how it is checked
NO_CLAIMS: Mapping[str, str] = {}


def claims(authorization: str, secret: bytes, now: float) -> Mapping[str, str]:
    """What a verified bearer token says, its texts alone; nothing of one that is not signed by us, or not now."""
    kind, _, token = authorization.partition(" ")
    if not secret or kind.lower() != "bearer" or len(token) > LONGEST:
        return NO_CLAIMS
    signed, _, signature = token.strip().rpartition(".")
    head, _, payload = signed.partition(".")
    expected = hmac.new(secret, signed.encode(errors="replace"), hashlib.sha256).digest()
    try:
        if not hmac.compare_digest(expected, _decoded(signature)):
            return NO_CLAIMS
        how, told = msgspec.json.decode(_decoded(head)), msgspec.json.decode(_decoded(payload))
    except (ValueError, binascii.Error, msgspec.MsgspecError, RecursionError):
        return NO_CLAIMS
    if not isinstance(how, dict) or how.get("alg") != ALGORITHM or not isinstance(told, dict) or not _valid(told, now):
        return NO_CLAIMS
    return {name: value for name, value in told.items() if isinstance(value, str)}


def forged(authorization: str, secret: bytes, told: Mapping[str, str]) -> bool:
    """Whether a bearer token has a JWT's form and told nothing: not signed by us, or not valid now."""
    kind, _, token = authorization.partition(" ")
    return bool(secret) and not told and kind.lower() == "bearer" and token.count(".") == 2


def _valid(told: Mapping[str, object], now: float) -> bool:
    """Whether a token holds now, as far as it says."""
    begins, ends = told.get("nbf", 0.0), told.get("exp", now + 1.0)
    return isinstance(begins, int | float) and isinstance(ends, int | float) and begins <= now < ends


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part.encode("ascii", "replace") + b"=" * (-len(part) % 4))
