"""Starts choosing models at one worker."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from policies.select.rules.rule import RuleSet
from router.auto.auto import Auto
from router.auto.feedback import Ledger
from router.auto.lessons import Said, encode
from router.classify.client import Client
from router.frames import JUDGED
from router.record import Recorder
from router.settings import Settings

if TYPE_CHECKING:
    from router.gateway.server import Gateway


def connect(auto: Auto, tell: Callable[[bytes], None], recorder: Recorder | None) -> None:
    """Have it tell the other workers what they are to know, and the records what clients and tones say."""

    def said(told: Said) -> None:
        if recorder is not None and not told.inferred:
            recorder.feedback(told.decision, told.rating, told.against)
        tell(JUDGED + encode(told))

    def inferred(told: Said) -> None:
        if recorder is not None:
            recorder.feedback(told.decision, told.rating, weight=told.weight)

    auto.on_said, auto.on_inferred, auto.share = said, inferred, tell


def start(gateway: "Gateway", rules: RuleSet, settings: Settings, worker: int) -> Auto:
    """A chooser by these rules, connected to the classifier where there is one."""
    classifier = None
    if settings.classifier:
        classifier = Client(settings.classifier, settings.classifier_deadline_s)
        classifier.start()
    auto = Auto(gateway, rules, classifier)
    if settings.decision_key:
        auto.ledger = Ledger(bytes.fromhex(settings.decision_key), auto.clock, worker)
    return auto
