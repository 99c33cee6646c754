"""What a router learns of each model from the answers: bytes a token, tokens an answer."""


class Estimate:
    """Running means of one model, each answer moving them a little."""

    __slots__ = ("bytes_per_token", "expected_tokens")

    def __init__(self) -> None:
        self.bytes_per_token = 4.0
        self.expected_tokens = 200.0

    def prompt_tokens(self, text_bytes: int) -> float:
        """Tokens that a prompt of so many bytes has, about."""
        return max(text_bytes / self.bytes_per_token, 1.0)

    def learn_prompt(self, text_bytes: int, tokens: int) -> None:
        """A prompt turned out to have so many tokens; short ones say more of the template than of the text."""
        if tokens >= 32:
            self.bytes_per_token += 0.05 * (min(max(text_bytes / tokens, 0.5), 16.0) - self.bytes_per_token)

    def learn_output(self, tokens: int) -> None:
        """An answer turned out to have so many tokens."""
        self.expected_tokens += 0.01 * (tokens - self.expected_tokens)
