"""Starts choosing models at one worker."""

from typing import TYPE_CHECKING

from policies.select.rules.rule import RuleSet
from router.auto.auto import Auto
from router.auto.feedback import Ledger
from router.classify.client import Client
from router.settings import Settings

if TYPE_CHECKING:
    from router.gateway.server import Gateway


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
