"""Models as OpenAI's API lists them: all of them, or one by its name."""

from collections.abc import Collection
from time import time
from urllib.parse import unquote_to_bytes

import msgspec

from policies.decision import Refusal
from router.refusals import TABLE, error_body

PATH = b"/v1/models"
SINCE = int(time())  # clients want to know when a model was created; it is known from when it is served here

_encode = msgspec.json.Encoder().encode


def listing(path: bytes, names: Collection[str]) -> tuple[int, bytes] | None:
    """Status and body of the answer on a path; None for one that is not about models."""
    if path == PATH:
        return 200, _encode({"object": "list", "data": [_model(name) for name in sorted(names)]})
    if not path.startswith(PATH + b"/"):
        return None
    name = unquote_to_bytes(path[len(PATH) + 1 :]).decode(errors="replace")  # a name may hold slashes, quoted or not
    if name in names:
        return 200, _encode(_model(name))
    told = TABLE[Refusal.UNKNOWN_MODEL]
    said = told.message.format(model=repr(name[:256]))
    return told.status, error_body(said, told.kind, Refusal.UNKNOWN_MODEL.value, "model")


def _model(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": SINCE, "owned_by": "weir"}
