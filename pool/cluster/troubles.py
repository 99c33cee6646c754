"""What may go wrong with the Kubernetes API, each kind with what is to be done about it."""


class Trouble(OSError):
    """The API was not reached or did not do what it was asked; the last good state goes on."""

    reason = "Unavailable"

    def __init__(self, words: str, status: int = 0) -> None:
        super().__init__(words)
        self.words, self.status = words, status

    def __str__(self) -> str:
        return self.words


class Expired(Trouble):
    """The version to go on from is too old (410): list again."""

    reason = "Expired"


class Forbidden(Trouble):
    """The role does not allow it (401, 403): somebody has to grant it."""

    reason = "Forbidden"


class Absent(Trouble):
    """There is no such object, or no such kind (404)."""

    reason = "NotFound"


class Conflict(Trouble):
    """Somebody else was first (409): look again."""

    reason = "Conflict"


class Rejected(Trouble):
    """What was asked for makes no sense to the API (400, 422)."""

    reason = "Rejected"


KINDS: dict[int, type[Trouble]] = {
    400: Rejected, 401: Forbidden, 403: Forbidden, 404: Absent, 409: Conflict, 410: Expired, 422: Rejected,
}  # fmt: skip


def trouble(status: int, words: str) -> Trouble:
    """The trouble that an HTTP status tells of."""
    return KINDS.get(status, Trouble)(words, status)
