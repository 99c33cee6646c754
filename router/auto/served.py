"""What is done with a request whose answer was decided: given again, cascaded, or sent to its model."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from policies.select.rules.rule import RuleSet
from policies.sessions.token_budget import Rung
from router.auto.caching import Kept
from router.auto.cascading import cascade
from router.auto.guarded_replies import Guarded
from router.auto.sending import Sending
from router.auto.session_shaping import SessionShaping
from router.auto.visiting import Visits

if TYPE_CHECKING:
    from router.classify.client import Client as Classifier
    from router.gateway.server import Gateway


class Served:
    """The last steps before a replica is asked, of one gateway."""

    def __init__(
        self, gateway: "Gateway", classifier: "Classifier | None", clock: Callable[[], float], rules: RuleSet
    ) -> None:
        self._gateway = gateway
        self.kept = Kept(gateway, classifier, clock, rules)
        self.visits = Visits(gateway, clock, rules)
        self.shaping = SessionShaping(gateway.core, self.visits, classifier)

    def take(self, rules: RuleSet) -> None:
        """Go by these rules from now on."""
        self.kept.take(rules)
        self.visits.take(rules)

    def send(self, sending: Sending) -> None:
        """Shape it for its session; answer it from the cache, or have models asked."""
        self.shaping.shape(sending, self._look_up)

    def _look_up(self, sending: Sending) -> None:
        caching = sending.found.answer.effects.cache
        if caching is None:
            self._ask(sending)
        else:
            self.kept.look_up(sending, caching, self._ask)

    def _ask(self, sending: Sending) -> None:
        rule = sending.found.answer.cascade
        if rule is None:
            self._send(sending)
        else:
            cascade(sending, rule, self._send, self.kept.answered)

    def _send(self, sending: Sending) -> None:
        exchange, visit = sending.exchange, self.visits.of(sending.exchange)
        if visit is not None and visit.guarded and not exchange.stream:
            Guarded(sending).begin()
        else:
            stamp, choice = sending.stamp(), sending.choice
            may = sending.found.answer.effects.compress or (visit is not None and visit.rung >= Rung.COMPRESS)
            self._gateway.chosen(exchange, sending.body, stamp, choice, sending.pools, sending.wider, may)
