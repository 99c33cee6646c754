"""Which model a request is for in truth, as InferenceModelRewrites say: at every door that reads a body the same."""

import msgspec

from policies.request import coin
from router.settings import Settings

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
SALT = 11  # of the draw among a rewrite's targets


class Rewriting:
    """The rewrites of one router."""

    __slots__ = ("_targets",)

    def __init__(self, settings: Settings) -> None:
        self._targets = {model: list(targets) for model, targets in settings.rewrites}

    def target(self, model: str, request_id: str) -> str:
        """The model that a request for `model` goes to: of several targets one by weight, drawn from the request id."""
        if not self._targets:
            return model
        targets = self._targets.get(model) or self._targets.get("*")
        if not targets:
            return model
        left = coin(request_id, SALT) * sum([weight for _, weight in targets])
        for name, weight in targets:
            left -= weight
            if left < 0.0:
                return name
        return targets[-1][0]


def renamed(body: bytes, model: str) -> bytes:
    """A JSON body that asks for another model; every other member's bytes are as they were."""
    members = _members(body)
    members["model"] = msgspec.Raw(_encode(model))
    return _encode(members)
