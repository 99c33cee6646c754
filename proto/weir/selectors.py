"""Kubernetes' label selectors, parsed and matched. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

KEY = r"[A-Za-z0-9](?:[A-Za-z0-9_./-]*[A-Za-z0-9])?"
TERM = re.compile(
    rf"\s*(?:(?P<absent>!)\s*(?P<missing>{KEY})"
    rf"|(?P<of>{KEY})\s+(?P<set>in|notin)\s*\((?P<values>[^()]*)\)"
    rf"|(?P<key>{KEY})\s*(?P<equals>==|=|!=)\s*(?P<value>[A-Za-z0-9_.-]*)"
    rf"|(?P<there>{KEY}))\s*(?:,|$)"
)

Labels = Mapping[str, str]


class BadSelector(ValueError):
    """A selector that cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One requirement: the label's value among these, or any value at all; or just not so."""

    key: str
    values: frozenset[str] | None  # None: whatever it is
    wanted: bool = True

    def matches(self, labels: Labels) -> bool:
        """Whether labels meet it."""
        has = self.key in labels if self.values is None else labels.get(self.key) in self.values
        return has is self.wanted


@dataclass(frozen=True, slots=True)
class Selector:
    """Requirements that all have to be met; one of none matches everything."""

    terms: tuple[Term, ...]

    def matches(self, labels: Labels) -> bool:
        """Whether labels meet all of them."""
        return all(term.matches(labels) for term in self.terms)


def selector(text: str) -> Selector:
    """A selector as kubectl's `-l` takes it; raises `BadSelector`."""
    terms, at = [], 0
    while at < len(text.rstrip()):
        found = TERM.match(text, at)
        if found is None:
            raise BadSelector(f"{text!r} is no label selector: {text[at:].strip()[:20]!r} makes no sense")
        terms.append(_term(found))
        at = found.end()
    if text.rstrip().endswith(","):
        raise BadSelector(f"{text!r} is no label selector: it ends with a comma")
    return Selector(tuple(terms))


def equals(labels: Labels) -> Selector:
    """A selector of labels with these very values."""
    return Selector(tuple(Term(key=key, values=frozenset({value})) for key, value in sorted(labels.items())))


def _term(found: re.Match[str]) -> Term:
    if found["absent"]:
        return Term(key=found["missing"], values=None, wanted=False)
    if found["set"]:
        values = frozenset(each.strip() for each in found["values"].split(","))
        return Term(key=found["of"], values=values, wanted=found["set"] == "in")
    if found["equals"]:
        return Term(key=found["key"], values=frozenset({found["value"]}), wanted=found["equals"] != "!=")
    return Term(key=found["there"], values=None)
