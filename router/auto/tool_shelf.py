"""Tools that were seen, by tenant: where they stand among requests, learned from the calls that served."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

from policies.sessions.tool_choice import Catalogue, Served, unit
from policies.signals.facts import Facts
from policies.signals.port import Embedding
from router.classify.client import Embedded

MOST_TENANTS = 64
MOST_TOOLS = 2048  # of one tenant
MOST_QUESTIONS = 4096  # of sessions, whose tools' answers are waited for
MOST_AT_ONCE = 16  # descriptions of one request that are embedded: the others stay, and come next time

Embed = Callable[[str, Embedded], None]


class ToolShelf:
    """The catalogues of one worker."""

    def __init__(self) -> None:
        self._catalogues: OrderedDict[str, Catalogue] = OrderedDict()
        self._said: dict[str, dict[str, str]] = {}  # by tenant: what its tools say they do
        self._questions: OrderedDict[str, Embedding] = OrderedDict()  # a session's newest

    def catalogue(self, tenant: str) -> Catalogue:
        """A tenant's."""
        return self._catalogues.get(tenant) or Catalogue(vectors={})

    def choose(
        self, tenant: str, question: Embedding, names: Sequence[str], most: int, used: Collection[str]
    ) -> set[str]:
        """The best for a question, beside those that nobody has placed yet and those that the session uses."""
        held = self.catalogue(tenant)
        new = {name for name in names if name not in held.vectors}
        return {*held.nearest(question, names, most), *new, *(name for name in names if name in used)}

    def place(self, tenant: str, described: Mapping[str, str], embed: Embed) -> None:
        """Have tools embedded that are new, or say something else than before."""
        said = self._said.get(tenant, {})
        fresh = [name for name, text in described.items() if said.get(name) != text and len(said) < MOST_TOOLS]
        for name in fresh[:MOST_AT_ONCE]:
            self._said.setdefault(tenant, {})[name] = described[name]
            embed(described[name], partial(self._placed, tenant, name))

    def asks(self, session: str, question: Embedding) -> None:
        """A session's newest question, for which tools will be called."""
        self._questions[session] = question
        if len(self._questions) > MOST_QUESTIONS:
            self._questions.popitem(last=False)

    def learn(self, tenant: str, session: str, asked: Facts) -> None:
        """The tools that were called for the session's last question have answered."""
        question, held = self._questions.get(session), self.catalogue(tenant)
        if question is None or not asked.messages or asked.messages[-1].role != "tool":
            return
        at = max((i for i, message in enumerate(asked.messages) if message.tool_calls), default=-1)
        answers = [message for message in asked.messages[at + 1 :] if message.role == "tool"]
        calls = asked.messages[at].tool_calls if at >= 0 else ()
        served = [Served(question, tool, not told.failed) for tool, told in zip(calls, answers, strict=False)]
        if any(one.tool in held.vectors for one in served):
            self._keep(tenant, held.learned(served))

    def _placed(self, tenant: str, name: str, vector: Embedding) -> None:
        if len(vector):
            held = self.catalogue(tenant)
            self._keep(tenant, replace(held, vectors={**held.vectors, name: unit(vector)}))
        else:
            said = self._said.get(tenant, {})
            said.pop(name, None)  # asked for again when it is next seen
            if not said:
                self._said.pop(tenant, None)

    def _keep(self, tenant: str, held: Catalogue) -> None:
        self._catalogues[tenant] = held
        self._catalogues.move_to_end(tenant)
        while len(self._catalogues) > MOST_TENANTS:
            gone, _ = self._catalogues.popitem(last=False)
            self._said.pop(gone, None)
