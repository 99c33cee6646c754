"""What is asked of the reading process and what it answers; both ends say these over a pipe, the body beside them."""

from typing import NamedTuple

from policies.signals.facts import Message
from router.auto.facts import Told
from router.auto.schema import Places

AT_ONCE = 256  # messages in one piece of an answer: whoever unpacks it holds Python's lock so long
HEAD, TAIL = 48_000, 16_000  # characters that are kept of what signals look at
SHORT = 200  # and of every other message


class Ask(NamedTuple):
    """Read a body."""

    path: bytes
    id: str
    max_output_tokens: int
    max_choices: int
    ruled: bool = False  # whether rules are going to choose its model
    vocabulary: str = ""  # the tokenizer that is to count it; empty: it is not counted
    template: str = ""


class Noted(NamedTuple):
    """An order without its text: what a decision needs of the body, in the order of `FIELDS`."""

    model: str
    start: int
    max_tokens: int
    stream: bool
    session: str
    salt: str
    tools: int
    media: int
    said_bytes: int
    lag: int
    shows_ids: bool
    untold: str


FIELDS = Noted._fields


class Answer(NamedTuple):
    """What a body says; its messages and tokens come behind it."""

    noted: Noted
    told: Told | None = None  # for rules, its messages left out
    places: Places | None = None
    messages: int = 0
    tokens: bool = False  # whether token ids come


class Wrong(NamedTuple):
    """The body is refused: a sentence, the field, and whether it holds a hand-over of the client's own."""

    message: str
    param: str
    foreign: bool


class Digest(NamedTuple):
    """What the gateway keeps of a large body that rules choose a model for."""

    body: bytes
    told: Told
    places: Places

    def places_of(self, body: bytes) -> Places | None:
        """Where members stand, if that is the body that was read."""
        return self.places if body is self.body else None


def shortened(messages: tuple[Message, ...]) -> list[Message]:
    """Messages as signals look at them: the first system prompt and the last two questions at length, others cut."""
    users = [at for at, message in enumerate(messages) if message.role == "user"][-2:]
    system = next((at for at, message in enumerate(messages) if message.role == "system"), -1)
    return [_cut(message, at in users or at == system) for at, message in enumerate(messages)]


def _cut(message: Message, at_length: bool) -> Message:
    text = message.text
    if len(text) <= (HEAD + TAIL if at_length else SHORT):
        return message
    return message._replace(text=f"{text[:HEAD]}\n{text[-TAIL:]}" if at_length else text[:SHORT])
