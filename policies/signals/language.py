"""Which language the newest question is in: by its script, and in Latin script by the words that every text has."""

import re
from collections import Counter
from itertools import islice
from typing import ClassVar

from policies.signals.excerpt import excerpt
from policies.signals.facts import Facts
from policies.signals.port import signal
from policies.signals.reading import Reading
from policies.signals.script import SHARE, scripts

BY_SCRIPT = {
    "cyrillic": "ru", "greek": "el", "arabic": "ar", "hebrew": "he", "devanagari": "hi", "bengali": "bn", "tamil": "ta",
    "thai": "th", "hangul": "ko", "han": "zh",
}  # fmt: skip
WORDS = {
    "en": "the of and to is in that it was for with as what how are this i you my do does have can which not be",
    "de": "der die das und ist nicht ein eine ich zu mit wie was auf für von den dem sie wir haben kann wird sind",
    "fr": "le la les et est un une des je pas que qui dans pour sur avec ce comment quel vous nous sont du au",
    "es": "el la los las y es un una de que en no por con para cómo qué se del mi como cuál está son al",
    "it": "il lo la gli e è un una di che non per con come sono della nel questo cosa mi si ho del più",
    "pt": "o a os as e é um uma de que não em por com para como do da no na meu você qual são ao",
    "nl": "de het een en is niet van ik dat op te met voor hoe wat zijn aan die er maar kan mijn naar bij",
    "pl": "i w na nie się jest to z do jak co czy że o mam ale po tak dla jestem przez są od mnie",
}
LANGUAGES: dict[str, tuple[str, ...]] = {}
for _name, _words in WORDS.items():
    for _word in _words.split():
        LANGUAGES[_word] = (*LANGUAGES.get(_word, ()), _name)
WORD = re.compile(r"[^\W\d_]{1,20}")
MOST_WORDS = 300


@signal
class Language:
    """Which language the newest question is in."""

    kind: ClassVar[str] = "label"
    labels: ClassVar[tuple[str, ...]] = (*WORDS, *BY_SCRIPT.values(), "ja", "mixed", "other")

    def read(self, facts: Facts) -> Reading:
        """An ISO 639-1 code; `mixed` where no script has most letters, `other` where no word tells."""
        text = excerpt(facts.last_user_text())
        counted = scripts(text)
        total = counted.total()
        if not total:
            return Reading(1.0, "other")
        if counted["kana"] and counted["kana"] + counted["han"] >= SHARE * total:
            return Reading(1.0, "ja")
        name, most = min(counted.items(), key=lambda item: (-item[1], item[0]))
        if most < SHARE * total:
            return Reading(1.0, "mixed")
        return Reading(1.0, by_words(text) if name == "latin" else BY_SCRIPT.get(name, "other"))


def by_words(text: str) -> str:
    """The language whose common words a text has most of; `other` where it has none of any."""
    votes: Counter[str] = Counter()
    for word in islice(WORD.finditer(text.lower()), MOST_WORDS):
        spoken = LANGUAGES.get(word[0], ())
        for name in spoken:
            votes[name] += 1
    return min(votes, key=lambda name: (-votes[name], list(WORDS).index(name)), default="other")
