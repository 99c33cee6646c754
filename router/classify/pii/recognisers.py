"""Personal data that is told by its form: a pattern, and a checksum where there is one."""

import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from policies.signals.reading import Span


class Form(NamedTuple):
    """One kind's pattern, what stands in every match and is looked for first, and what a match must pass."""

    kind: str
    needs: re.Pattern[str]
    pattern: re.Pattern[str]
    passes: Callable[[str], bool]


def luhn(text: str) -> bool:
    """Whether 12 to 19 digits bear a card's check digit."""
    digits = [int(each) for each in text if each.isdigit()]
    if not 12 <= len(digits) <= 19:
        return False
    doubled = [sum(divmod(2 * digit, 10)) if at % 2 else digit for at, digit in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def iban(text: str) -> bool:
    """Whether an account number's check digits hold (ISO 13616: modulo 97)."""
    plain = re.sub(r"\s", "", text).upper()
    turned = plain[4:] + plain[:4]
    return 15 <= len(plain) <= 34 and turned.isalnum() and int("".join(str(int(each, 36)) for each in turned)) % 97 == 1


def address(text: str) -> bool:
    """Whether it is an IP address, version 4 or 6."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def social(text: str) -> bool:
    """Whether it can be a US social security number: no part is all zeros, none begins with 9, 666 or 000."""
    area, group, serial = re.split(r"[- ]", text)
    return area not in ("000", "666") and area[0] != "9" and group != "00" and serial != "0000"


def anything(_: str) -> bool:
    """A form without a check."""
    return True


AT, SCHEME, COLON, DIGIT = map(re.compile, ("@", "://", ":", r"\d"))
FORMS = (
    Form("EMAIL_ADDRESS", AT, re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+"), anything),
    Form("DOMAIN_NAME", SCHEME, re.compile(r"https?://[\w.-]{1,253}(?:/[^\s,;]{0,2000})?"), anything),
    Form("IBAN_CODE", DIGIT, re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{1,4}){3,8}\b"), iban),
    Form("IP_ADDRESS", DIGIT, re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b"), address),
    Form("IP_ADDRESS", COLON, re.compile(r"(?<![\w:])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{1,4}\b"), address),
    Form("US_SSN", DIGIT, re.compile(r"\b\d{3}[- ]\d{2}[- ]\d{4}\b"), social),
    Form("CREDIT_CARD", DIGIT, re.compile(r"\b\d(?:[ -]?\d){11,18}\b"), luhn),
)  # fmt: skip
MOST_SHOWN = 40_000  # characters looked through


def recognised(text: str) -> Iterator[Span]:
    """Spans of text that pass a form's checks, in the order of forms; they may overlap."""
    shown = text[:MOST_SHOWN]
    for form in FORMS:
        if form.needs.search(shown) is None:
            continue
        for match in form.pattern.finditer(shown):
            if form.passes(match.group()):
                yield Span(match.start(), match.end(), form.kind)
