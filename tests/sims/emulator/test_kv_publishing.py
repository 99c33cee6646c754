"""KV events as a consumer sees them: live, missed and replayed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
import zmq
import zmq.asyncio

from sims.emulator.hashes import block_hashes
from tests.sims.emulator.emulation import live, perf, replica
from tests.sims.emulator.test_raw_http import ask, get, post

TOKENS = list(range(100, 164))
END = b"\xff" * 8


@contextmanager
def socket(kind: int, endpoint: str | None) -> Iterator[zmq.asyncio.Socket]:
    with zmq.asyncio.Context() as context, context.socket(kind) as opened:
        opened.linger = 0
        opened.rcvtimeo = 5000
        assert endpoint is not None
        opened.connect(endpoint)
        yield opened


async def completion(address: str, tokens: list[int], most: int = 2) -> None:
    body = {"prompt": tokens, "max_tokens": most, "ignore_eos": True}
    assert (await ask(address, post("/v1/completions", body, "connection: close"))).status == 200


async def replayed(endpoint: str | None, start: int = 0) -> list[tuple[bytes, int, list[Any]]]:
    batches = list[tuple[bytes, int, list[Any]]]()
    with socket(zmq.DEALER, endpoint) as dealer:
        await dealer.send_multipart([b"", start.to_bytes(8, "big")])
        while True:
            empty, topic, number, payload = await dealer.recv_multipart()
            assert empty == b""
            if number == END:
                assert (topic, payload) == (b"", b"")
                return batches
            batches.append((topic, int.from_bytes(number, "big"), msgspec.msgpack.decode(payload)))


async def events(endpoint: str | None) -> list[dict[str, Any]]:
    return [event for _, _, (_, told, _) in await replayed(endpoint) for event in told]


def publishing(**changes: Any) -> Any:
    return live(replica(events_port=0, replay_port=0, **changes))


async def test_a_stored_block_tells_its_tokens_and_the_engines_own_hash() -> None:
    async with publishing() as up:
        await completion(up.address, TOKENS)
        (stored,) = await events(up.replay)
    assert stored == {
        "type": "BlockStored",
        "block_hashes": list(block_hashes(TOKENS, 16)),
        "parent_block_hash": None,
        "token_ids": TOKENS,
        "block_size": 16,
        "lora_id": None,
        "medium": "GPU",
        "lora_name": None,
        "extra_keys": [None] * 4,
        "group_idx": 0,
        "kv_cache_spec_kind": "full_attention",
    }


async def test_subscribers_get_the_batches_that_a_replay_repeats() -> None:
    async with publishing() as up:
        with socket(zmq.SUB, up.events) as subscriber:
            subscriber.subscribe("")
            await asyncio.sleep(0.05)  # a subscription takes effect some time after it is made
            await completion(up.address, TOKENS)
            topic, number, payload = await subscriber.recv_multipart()
        ((again, first, batch),) = await replayed(up.replay)
    assert topic == again == f"kv@{up.address}@tiny".encode()
    assert int.from_bytes(number, "big") == first == 0
    assert msgspec.msgpack.decode(payload) == batch


async def test_generated_blocks_are_told_with_what_was_generated_and_their_parent() -> None:
    async with publishing() as up:
        await completion(up.address, TOKENS, most=40)
        prompt, *generated = await events(up.replay)
    assert generated[0]["parent_block_hash"] == prompt["block_hashes"][-1]
    tokens = TOKENS + [token for event in generated for token in event["token_ids"]]
    assert len(tokens) == 64 + 32
    hashes = prompt["block_hashes"] + [block for event in generated for block in event["block_hashes"]]
    assert hashes == list(block_hashes(tokens, 16))


async def test_a_replay_begins_where_it_is_asked_to() -> None:
    async with publishing() as up:
        for first in range(3):
            await completion(up.address, [first] * 32)
        assert [number for _, number, _ in await replayed(up.replay, start=1)] == [1, 2]


async def test_evicted_blocks_are_told() -> None:
    async with publishing(perf=perf(kv_tokens=160)) as up:
        await completion(up.address, TOKENS)
        await completion(up.address, [7] * 128)
        removed = [event for event in await events(up.replay) if event["type"] == "BlockRemoved"]
    evicted = [block for event in removed for block in event["block_hashes"]]
    assert evicted == list(reversed(block_hashes(TOKENS, 16)))[:3]
    assert removed[0] == {"type": "BlockRemoved", "block_hashes": evicted[:2], "medium": "GPU", "group_idx": 0}


async def test_a_reset_cache_is_told() -> None:
    async with publishing() as up:
        await completion(up.address, TOKENS)
        assert (await ask(up.address, post("/reset_prefix_cache", {}, "connection: close"))).status == 200
        assert (await events(up.replay))[-1] == {"type": "AllBlocksCleared"}


async def test_the_sources_are_told_over_http() -> None:
    async with publishing() as up:
        sources = msgspec.json.decode((await ask(up.address, get("/kv_event_sources"))).body)
    place = {"endpoint": up.events, "replay_endpoint": up.replay, "topic": f"kv@{up.address}@tiny"}
    assert sources == {"0": {"enable_kv_cache_events": True, "publisher": "zmq", **place}}  # by rank


async def test_a_dead_replica_comes_back_empty_on_its_ports_and_counts_from_0() -> None:
    async with live(replica(events_port=0, replay_port=0), chaos=True) as up:
        await completion(up.address, TOKENS)
        await completion(up.address, [1] * 16)
        reader, writer = await asyncio.open_connection(*up.address.split(":"))
        endless = {"prompt": TOKENS, "max_tokens": 4000, "ignore_eos": True, "stream": True}
        writer.write(post("/v1/completions", endless))
        await reader.readuntil(b"\r\n\r\n")
        died = await ask(up.address, post("/emulator/die", {"seconds": 0.1}, "connection: close"))
        assert died.status == 200
        with suppress(ConnectionResetError):
            assert b"[DONE]" not in await reader.read()
        writer.close()
        while True:
            try:
                await completion(up.address, TOKENS)
                break
            except OSError:
                await asyncio.sleep(0.01)
        ((_, number, (_, (stored,), _)),) = await replayed(up.replay)
    assert number == 0
    assert stored["token_ids"] == TOKENS
