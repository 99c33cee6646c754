"""The shape of a prompt as numbers: length, digits, formulas, gaps, options; no model is needed to read them."""

from math import log, log1p

import numpy as np

from policies.select.quality.port import Floats

NAMES = (
    "tokens", "stem", "digits", "formula", "gaps", "question", "statement", "equations", "lines", "capitals",
    "options", "option_length", "code",
)  # fmt: skip


def shape(text: str, prompt_tokens: float) -> Floats:
    """One number a name, of the prompt's text: its first paragraph is taken as the stem, later lines as options."""
    stem, *options = text.strip().split("\n")
    letters = max(len(text), 1)
    return np.array(
        [
            log1p(prompt_tokens),
            log1p(len(stem)),
            sum(map(str.isdigit, text)) / letters,
            log1p(text.count("$") + text.count("\\")),
            log1p(stem.count("_")),
            float(stem.endswith("?")),
            float(stem.endswith(".")),
            log1p(text.count("=")),
            log(max(len(options), 1)),
            sum(map(str.isupper, text)) / letters,
            float(sum(len(line) < 40 for line in options)),
            log1p(sum(map(len, options)) / max(len(options), 1)),
            log1p(text.count("(") + text.count("{") + text.count(";")),
        ]
    )
