"""What a fleet's engines would say: a tree of shared prefixes, who holds what, and the events that tell of it.

System prompts are shared by many documents, documents by many sessions; most sessions live on one replica, some on
several. A fifth of a session is what it was answered, told of a block at a time; what replicas tell comes mixed, as
many of them work at once. Blocks are numbers, and a block's hashes are made of its number, so that both sides read one
small file.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Event = tuple[int, int, int, int, int]

STORED, REMOVED = 0, 1
EVENT_BLOCKS = 128  # blocks an engine tells of at once: 2,048 tokens, a step of chunked prefill
SYSTEMS, SYSTEM_BLOCKS = 64, (32, 256)
SESSIONS_A_DOCUMENT, DOCUMENT_BLOCKS = 6, (16, 256)
SESSION_BLOCKS = (32, 1500)
TURN_BLOCKS, ANSWERED = 64, 12  # a session's blocks come in turns, the last of each one by one
AT_ONCE = 32  # sessions whose events are mixed
HOLDERS, HOLDERS_P = (1, 2, 4, 8), (0.8, 0.13, 0.05, 0.02)  # replicas that a session is on
PROMPTS, TAIL_BLOCKS, LONGEST = 400, (16, 64), 2048
CHURNED = 0.02  # share of the blocks that leave, and come elsewhere, once all is loaded
STRANGE = 1 << 40  # block numbers from here on are held by nobody


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Events as rows of (replica, block before the first or -1, first block, blocks, kind); prompts as pieces."""

    replicas: int
    blocks: int  # different ones
    events: Numbers
    churn: Numbers
    pieces: Numbers  # rows of (prompt, first block, blocks)

    def prompt(self, number: int) -> Numbers:
        """The block numbers of a prompt."""
        return np.concatenate([np.arange(a, a + n) for _, a, n in self.pieces[self.pieces[:, 0] == number]])

    @property
    def prompts(self) -> int:
        """How many there are."""
        return int(self.pieces[-1, 0]) + 1

    def save(self, path: Path) -> None:
        """To be read by another process."""
        sizes = np.array([self.replicas, self.blocks])
        np.savez(path, sizes=sizes, events=self.events, churn=self.churn, pieces=self.pieces)


def read(path: Path) -> Stream:
    """What `Stream.save` wrote."""
    with np.load(path) as file:
        replicas, blocks = (int(one) for one in file["sizes"])
        return Stream(
            replicas=replicas, blocks=blocks, events=file["events"], churn=file["churn"], pieces=file["pieces"]
        )


def of_content(numbers: Numbers) -> Hashes:
    """The hashes of the blocks' tokens alone: what Dynamo's tree walks by."""
    return mixed(numbers, 0x9E3779B97F4A7C15)


def of_prefix(numbers: Numbers) -> Hashes:
    """The hashes of the blocks and all before them: Weir's key, and the name by which Dynamo's events remove."""
    return mixed(numbers, 0xD1B54A32D192ED03)


def mixed(numbers: Numbers, salt: int) -> Hashes:
    """Numbers as uniform 64-bit hashes (splitmix64); never 0 or 1 for numbers in use."""
    state = (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(salt)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


@dataclass(slots=True)
class Node:
    """A run of blocks below another one, and the replicas that hold it."""

    first: int
    blocks: int
    above: "Node | None" = None
    talks: bool = False  # whether it is a session: some of its blocks are answers
    held: set[int] = field(default_factory=set)

    def path(self) -> "list[Node]":
        """From the root to here."""
        return [*(self.above.path() if self.above else []), self]

    @property
    def before(self) -> int:
        """The block before the first one, -1 when there is none."""
        return self.above.first + self.above.blocks - 1 if self.above else -1


@dataclass(slots=True)
class Drawing:
    """A stream while it is drawn."""

    rng: np.random.Generator
    replicas: int
    blocks: int = 0  # drawn
    held: int = 0  # and told of
    events: list[Event] = field(default_factory=list)
    saying: list[list[Event]] = field(default_factory=list)  # by replicas at work

    def node(self, sizes: tuple[int, int], above: Node | None = None, talks: bool = False) -> Node:
        """A new run of blocks, of a length drawn evenly on a logarithmic scale."""
        count = int(np.exp(self.rng.uniform(*np.log(sizes))))
        self.blocks += count
        return Node(self.blocks - count, count, above, talks)

    def serve(self, node: Node, replica: int) -> None:
        """A replica computes a prompt: it tells of the blocks that it did not hold."""
        said = list[Event]()
        for each in node.path():
            self.held += 0 if each.held else each.blocks
            if replica not in each.held:
                each.held.add(replica)
                (said if each.talks else self.events).extend(tell(each, replica))
        self.saying.append(said)
        if len(self.saying) >= AT_ONCE:
            self.mix()

    def mix(self) -> None:
        """Put down what replicas have to say, an event of each in turn."""
        while self.saying:
            for said in self.saying:
                self.events.append(said.pop(0)) if said else None
            self.saying = [said for said in self.saying if said]

    def session(self, document: Node) -> Node:
        """A conversation on one replica or several."""
        node = self.node(SESSION_BLOCKS, document, talks=True)
        some = self.rng.choice(self.replicas, self.rng.choice(HOLDERS, p=HOLDERS_P), replace=False)
        for replica in some.tolist():
            self.serve(node, replica)
        return node


def tell(node: Node, replica: int) -> list[Event]:
    """The events of one run of blocks stored."""
    cuts = [*starts(node), node.first + node.blocks]
    return [(replica, at - 1 if at > node.first else node.before, at, end - at, STORED) for at, end in pairwise(cuts)]


def starts(node: Node) -> list[int]:
    """Where the events of a run of blocks begin."""
    if not node.talks:
        return list(range(node.first, node.first + node.blocks, EVENT_BLOCKS))
    places = range(node.blocks)
    return [node.first + i for i in places if i % TURN_BLOCKS == 0 or i % TURN_BLOCKS >= TURN_BLOCKS - ANSWERED]


def leave(node: Node, replica: int) -> list[Event]:
    """The events of one run of blocks evicted, its end first."""
    return [(row, before, at, n, REMOVED) for row, before, at, n, _ in reversed(tell(node, replica))]


def draw(blocks: int, replicas: int, seed: int = 1) -> Stream:
    """A fleet that holds so many different blocks, then lets go of some while others come; and prompts to look up."""
    drawing = Drawing(np.random.default_rng(seed), replicas)
    systems = [drawing.node(SYSTEM_BLOCKS) for _ in range(SYSTEMS)]
    documents, sessions = list[Node](), list[Node]()
    while drawing.held < blocks:
        if len(sessions) % SESSIONS_A_DOCUMENT == 0:
            documents.append(drawing.node(DOCUMENT_BLOCKS, systems[int(SYSTEMS * drawing.rng.random() ** 2)]))
        sessions.append(drawing.session(documents[int(drawing.rng.integers(len(documents)))]))
    drawing.mix()
    known, loaded = drawing.held, len(drawing.events)
    churned = churn(drawing, documents, sessions)
    return Stream(
        replicas=replicas,
        blocks=known,
        events=np.array(drawing.events[:loaded], dtype=np.int64),
        churn=np.array(churned, dtype=np.int64),
        pieces=prompts(drawing, sessions),
    )


def churn(drawing: Drawing, documents: list[Node], sessions: list[Node]) -> list[Event]:
    """Sessions evicted and new ones in their place, told in turn."""
    before, most, gone = len(drawing.events), drawing.blocks + CHURNED * drawing.held, 0
    while drawing.blocks < most:
        old = sessions[gone]
        for replica in sorted(old.held):
            drawing.events.extend(leave(old, replica))
        old.held.clear()
        drawing.session(documents[int(drawing.rng.integers(len(documents)))])
        gone += 1
    drawing.mix()
    del sessions[:gone]
    return drawing.events[before:]


def prompts(drawing: Drawing, sessions: list[Node]) -> Numbers:
    """Prompts that begin as a session does, most of them whole, and go on as nobody has seen."""
    rows, strange = list[tuple[int, int, int]](), STRANGE
    for number in range(PROMPTS):
        left = LONGEST
        for node in sessions[int(drawing.rng.integers(len(sessions)))].path():
            cut = node.blocks if drawing.rng.random() < 0.9 else int(drawing.rng.integers(1, node.blocks + 1))
            rows.append((number, node.first, min(cut, left)))
            left -= min(cut, left)
            if cut < node.blocks or not left:
                break
        tail = min(int(drawing.rng.integers(*TAIL_BLOCKS)), max(left, 1))
        rows.append((number, strange, tail))
        strange += tail
    return np.array(rows, dtype=np.int64)
