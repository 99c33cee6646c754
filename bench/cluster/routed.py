"""What a router hears of the fleet, and when: one stream, read in a thread."""

import threading
import time
from collections import defaultdict
from typing import Any

import grpc

from weir.v1 import fleet_pb2, fleet_pb2_grpc

OPTIONS = [("grpc.max_receive_message_length", 64 << 20)]


class Routed:
    """The fleet as a router is told it; begins again when the stream breaks, keeping what it knew."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.ready: dict[str, bool] = {}
        self.replicas: dict[str, fleet_pb2.Replica] = {}
        self.changed_at: dict[tuple[str, bool], float] = {}  # monotonic seconds at which a state was last heard
        self.lost: defaultdict[str, int] = defaultdict(int)  # times that a replica was not ready any more, or gone
        self.updates = 0
        self.news = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def count(self) -> int:
        """Replicas that may be sent work."""
        return sum(self.ready.values())

    def wait(self, name: str, ready: bool, since: float, within_s: float) -> float | None:
        """When a replica was heard to be so after `since`; None when that did not happen in time."""
        with self.news:
            self.news.wait_for(lambda: self.changed_at.get((name, ready), 0.0) > since, within_s)
            at = self.changed_at.get((name, ready), 0.0)
        return at if at > since else None

    def close(self) -> None:
        """Hear no more."""
        self._ended = True

    def _run(self) -> None:
        while not self._ended:
            try:
                with grpc.insecure_channel(self.address, options=OPTIONS) as channel:
                    stub: Any = fleet_pb2_grpc.PoolStub(channel)  # type: ignore[no-untyped-call]
                    for update in stub.WatchFleet(fleet_pb2.WatchFleetRequest(router="bench", without_events=True)):
                        self._take(update)
                        if self._ended:
                            return
            except grpc.RpcError:
                time.sleep(0.02)

    def _take(self, update: fleet_pb2.FleetUpdate) -> None:
        now = time.monotonic()
        with self.news:
            self.updates += 1
            if update.snapshot:
                named = {replica.name for replica in update.replicas}
                self._gone([name for name in self.replicas if name not in named])
            self.replicas.update({replica.name: replica for replica in update.replicas})
            self._gone(update.removed)
            for report in update.reports:
                if self.ready.get(report.name) is not report.ready:
                    self.lost[report.name] += bool(self.ready.get(report.name))
                    self.ready[report.name] = report.ready
                    self.changed_at[report.name, report.ready] = now
            self.news.notify_all()

    def _gone(self, names: Any) -> None:
        for name in names:
            self.replicas.pop(name, None)
            self.lost[name] += self.ready.pop(name, False)
