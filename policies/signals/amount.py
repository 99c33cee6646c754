"""An amount that a header tells: a decimal number that is neither negative nor endless."""

import re

from policies.signals.reading import UNKNOWN, Reading

AMOUNT = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,15})?")


def amount(told: str) -> Reading:
    """The number, or unknown where the text is none."""
    found = told.strip()[:40]
    return Reading(float(found)) if AMOUNT.fullmatch(found) else UNKNOWN
