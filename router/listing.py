"""Models as OpenAI's API lists them: all of them, or one by its name."""

from collections.abc import Collection
from time import time
from urllib.parse import unquote_to_bytes

import msgspec

from router.refusals import error_body

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
    said = f"The model {name[:256]!r} does not exist here; see /v1/models."
    return 404, error_body(said, "not_found_error", "unknown-model", "model")


def _model(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": SINCE, "owned_by": "weir"}
