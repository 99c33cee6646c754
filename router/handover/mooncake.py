"""vLLM's Mooncake connector: both legs at once, matched by a transfer id; the prefill replica pushes."""

from collections.abc import Iterator

from router.handover.port import BadAnswer, Fields, Pair, host_of, wire


@wire("mooncake")
class Mooncake:
    """The router mints the transfer id; the decode replica asks the bootstrap server where the pushing ranks are."""

    parallel, asks_engine = True, True

    def prefill(self, pair: Pair) -> Fields:
        """Compute, and push to whoever asks for that id."""
        params = {"do_remote_decode": True, "do_remote_prefill": False, "transfer_id": _transfer(pair)}
        return {"kv_transfer_params": params}

    def decode(self, pair: Pair, answer: Fields | None) -> Fields:
        """Ask the prefill replica for that id."""
        return {
            "kv_transfer_params": {
                "do_remote_decode": False,
                "do_remote_prefill": True,
                "transfer_id": _transfer(pair),
                "remote_engine_id": pair.engine,
                "remote_bootstrap_addr": f"http://{host_of(pair.prefill.address)}:{pair.bootstrap_port}",
            }
        }

    def places(self, fields: Fields) -> Iterator[tuple[str, int]]:
        """The bootstrap server."""
        host, _, port = (
            str(fields["kv_transfer_params"]["remote_bootstrap_addr"]).removeprefix("http://").rpartition(":")
        )
        if not port.isdigit():
            raise BadAnswer("the bootstrap address has no port")
        yield host, int(port)


def _transfer(pair: Pair) -> str:
    return f"xfer-{pair.room:016x}"
