"""Errors as vLLM words and shapes them."""

import msgspec

TYPES = {400: "BadRequestError", 404: "NotFoundError", 405: "Method Not Allowed", 503: "ServiceUnavailableError"}


class Refusal(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.param = status, message, param

    def body(self) -> bytes:
        """The JSON body of the answer."""
        kind = TYPES.get(self.status, "InternalServerError")
        error = {"message": self.message, "type": kind, "param": self.param, "code": self.status}
        return msgspec.json.encode({"error": error})


class NoRoute(Refusal):
    """A path or method that nothing answers: that is said by the web framework, not by vLLM."""

    def body(self) -> bytes:
        """The JSON body of the answer."""
        return msgspec.json.encode({"detail": self.message})


def too_long(limit: int, prompt: int) -> Refusal:
    """The prompt alone exceeds the context, in tokens."""
    return Refusal(
        400,
        f"This model's maximum context length is {limit} tokens. However, your request has {prompt} input tokens. "
        "Please reduce the length of the input messages.",
        "input_tokens",
    )


def asks_too_much(limit: int, prompt: int, asked: int) -> Refusal:
    """The prompt fits but not with the output asked for, all in tokens."""
    return Refusal(
        400,
        f"'max_tokens' or 'max_completion_tokens' is too large: {asked}. This model's maximum context length is "
        f"{limit} tokens and your request has {prompt} input tokens ({asked} > {limit} - {prompt}).",
        "max_tokens",
    )


def unknown_model(name: str) -> Refusal:
    """A model that is not served here."""
    return Refusal(404, f"The model `{name}` does not exist.", "model")
