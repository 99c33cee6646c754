"""Whether the newest question holds code."""

import re
from typing import ClassVar

from policies.signals.excerpt import excerpt
from policies.signals.facts import Facts
from policies.signals.port import signal
from policies.signals.reading import Reading

CODE = re.compile(
    r"```|^[ \t]{0,40}(?:def \w+\(|class \w+[:({]|import \w+|#include\b|function \w+\(|(?:public|private) \w+"
    r"|SELECT\b.{0,80}\bFROM\b)",
    re.MULTILINE,
)


@signal
class Code:
    """Whether the newest question holds code."""

    kind: ClassVar[str] = "flag"
    labels: ClassVar[tuple[str, ...]] = ()

    def read(self, facts: Facts) -> Reading:
        """1 where a fence, a declaration or a shell line is seen."""
        return Reading(float(bool(CODE.search(excerpt(facts.last_user_text())))))
