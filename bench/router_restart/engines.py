"""The KV events of a whole fleet, from one process: `python -m bench.router_restart.engines SCENE_JSON`.

Says its endpoints on the first line; then every chain is published, and from then on a little changes all the time.
"""

import asyncio
import json
import sys
from typing import Any

from bench.router_restart.scene import BLOCK_TOKENS, VOCABULARY, Scene
from sims.emulator.kv_frames import stored
from sims.emulator.publisher import Publisher
from sims.replica.kv_events import Stored

CHURN_S = 0.05  # a chain is stored, and an earlier such one removed, somewhere in the fleet
CHURNED = 64  # such chains at a time: they are nobody's prompt


def main() -> None:
    """Publish until killed."""
    scene = Scene(**json.loads(sys.argv[1]))
    asyncio.run(publish(scene))


async def publish(scene: Scene) -> None:
    """Everything once, then the churn."""
    loop = asyncio.get_running_loop()
    publishers = [Publisher(loop, f"kv@{replica}", "127.0.0.1", 0, 0) for replica in range(scene.replicas)]
    said = {"events": [each.endpoint for each in publishers], "replay": [each.replay_endpoint for each in publishers]}
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()
    for chain in range(scene.chains):
        publishers[scene.holder(chain)].publish([event(scene, chain, scene.tokens(chain))])
        if chain % 64 == 0:
            await asyncio.sleep(0)
    sys.stdout.write("all published\n")
    sys.stdout.flush()
    await churn(scene, publishers)


async def churn(scene: Scene, publishers: list[Publisher]) -> None:
    """Small changes for ever."""
    chain = scene.chains
    while True:
        await asyncio.sleep(CHURN_S)
        tokens = [(chain + place) % VOCABULARY for place in range(scene.chain_tokens)]
        publishers[scene.holder(chain)].publish([event(scene, chain, tokens)])
        old = chain - CHURNED
        if old >= scene.chains:
            gone = {"type": "BlockRemoved", "block_hashes": hashes(scene, old), "medium": "GPU", "group_idx": 0}
            publishers[scene.holder(old)].publish([gone])
        chain += 1


def event(scene: Scene, chain: int, tokens: list[int]) -> dict[str, Any]:
    """A chain enters a cache."""
    return stored(
        Stored(hashes=tuple(hashes(scene, chain)), parent=None, job=str(chain), first=0), tokens, BLOCK_TOKENS
    )


def hashes(scene: Scene, chain: int) -> list[int]:
    """The engine's own hashes of a chain."""
    return [chain * scene.chain_blocks + place + 1 for place in range(scene.chain_blocks)]


if __name__ == "__main__":
    main()
