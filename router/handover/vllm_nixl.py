"""vLLM's NIXL connector: prefill first; its answer says from where the decode replica pulls the blocks."""

from collections.abc import Iterator

from router.handover.port import BadAnswer, Fields, Pair, wire

NEEDED = ("remote_engine_id", "remote_block_ids", "remote_host", "remote_port")


@wire("nixl")
class VllmNixl:
    """`kv_transfer_params` there and back, as vLLM 0.8 to 0.32 word them."""

    parallel, asks_engine = False, False

    def prefill(self, pair: Pair) -> Fields:
        """Compute, and keep the blocks for somebody to fetch."""
        return {
            "kv_transfer_params": {
                "do_remote_decode": True,
                "do_remote_prefill": False,
                "remote_engine_id": None,
                "remote_block_ids": None,
                "remote_host": None,
                "remote_port": None,
            }
        }

    def decode(self, pair: Pair, answer: Fields | None) -> Fields:
        """Fetch from where the prefill replica says."""
        if answer is None or any(answer.get(name) is None for name in NEEDED):
            raise BadAnswer("the prefill replica's answer does not say where its blocks are")
        return {"kv_transfer_params": {**answer, "do_remote_prefill": True, "do_remote_decode": False}}

    def places(self, fields: Fields) -> Iterator[tuple[str, int]]:
        """The side channel of the prefill replica."""
        params = fields["kv_transfer_params"]
        host, port = params["remote_host"], params["remote_port"]
        if not isinstance(host, str) or type(port) is not int:
            raise BadAnswer("the prefill replica's answer names no host and port")
        yield host, port
