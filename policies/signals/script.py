"""Which script the newest question is written in."""

import unicodedata
from collections import Counter
from functools import lru_cache
from typing import ClassVar

from policies.signals.excerpt import excerpt
from policies.signals.facts import Facts
from policies.signals.port import signal
from policies.signals.reading import Reading

NAMED = {
    "LATIN": "latin", "CYRILLIC": "cyrillic", "GREEK": "greek", "ARABIC": "arabic", "HEBREW": "hebrew",
    "DEVANAGARI": "devanagari", "BENGALI": "bengali", "TAMIL": "tamil", "THAI": "thai", "CJK": "han",
    "HIRAGANA": "kana", "KATAKANA": "kana", "HANGUL": "hangul",
}  # fmt: skip
SHARE = 0.6  # of the letters below which a text counts as mixed
LOOKED_AT = 2_000  # letters are enough to tell


@signal
class Script:
    """Which script the newest question is written in."""

    kind: ClassVar[str] = "label"
    labels: ClassVar[tuple[str, ...]] = (*dict.fromkeys(NAMED.values()), "other", "mixed", "none")

    def read(self, facts: Facts) -> Reading:
        """The script of most letters; `mixed` where no script has most, `none` where there is no letter."""
        counted = scripts(excerpt(facts.last_user_text()))
        total = counted.total()
        if not total:
            return Reading(1.0, "none")
        name, most = min(counted.items(), key=lambda item: (-item[1], item[0]))
        return Reading(1.0, name if most >= SHARE * total else "mixed")


def scripts(text: str) -> Counter[str]:
    """How many letters of each script the beginning of a text has."""
    counted: Counter[str] = Counter()
    for character, times in Counter(text[:LOOKED_AT]).items():
        if character.isalpha():
            counted[_script(character)] += times
    return counted


@lru_cache(maxsize=4096)
def _script(character: str) -> str:
    return NAMED.get(unicodedata.name(character, "").partition(" ")[0], "other")
