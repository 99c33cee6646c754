"""SGLang: the same request to both at once, with the same room at the prefill replica's bootstrap server."""

from collections.abc import Iterator

from router.handover.port import Fields, Pair, host_of, wire


@wire("sglang")
class SglangBootstrap:
    """Host, port and room, on both legs."""

    parallel, asks_engine = True, False

    def prefill(self, pair: Pair) -> Fields:
        """Where the two meet."""
        host = host_of(pair.prefill.address)
        return {"bootstrap_host": host, "bootstrap_port": pair.bootstrap_port, "bootstrap_room": pair.room}

    def decode(self, pair: Pair, answer: Fields | None) -> Fields:
        """The same."""
        return self.prefill(pair)

    def places(self, fields: Fields) -> Iterator[tuple[str, int]]:
        """The bootstrap server."""
        yield str(fields["bootstrap_host"]), int(fields["bootstrap_port"])
