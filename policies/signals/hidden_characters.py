"""How many characters of the newest question nobody sees."""

import re
from typing import ClassVar

from policies.signals.excerpt import excerpt
from policies.signals.facts import Facts
from policies.signals.port import signal
from policies.signals.reading import Reading

HIDDEN = re.compile(
    r"[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\U000e0000-\U000e007f]+"
)


@signal
class HiddenCharacters:
    """How many characters of the newest question nobody sees."""

    kind: ClassVar[str] = "count"
    labels: ClassVar[tuple[str, ...]] = ()

    def read(self, facts: Facts) -> Reading:
        """Zero-width and direction marks, soft hyphens and tags."""
        text = excerpt(facts.last_user_text())
        return Reading(0.0 if text.isascii() else float(sum(map(len, HIDDEN.findall(text)))))
