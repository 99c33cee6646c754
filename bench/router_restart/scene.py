"""The fleet and its traffic: chains of blocks, each in one replica's cache, and prompts that begin with one of them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from policies.native.index import hash_tokens

BLOCK_TOKENS = 16
MODEL = "mock"
VOCABULARY = 100_000
TAIL_TOKENS = 8  # of a prompt beyond its chain: less than a block


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """How large everything is."""

    replicas: int = 16
    chains: int = 40_000
    chain_blocks: int = 25
    prompts: int = 4_000  # different ones, over and over

    @property
    def blocks(self) -> int:
        """Blocks known in all."""
        return self.chains * self.chain_blocks

    @property
    def chain_tokens(self) -> int:
        """Tokens of one chain."""
        return self.chain_blocks * BLOCK_TOKENS

    def holder(self, chain: int) -> int:
        """The replica whose cache holds a chain."""
        return chain % self.replicas

    def tokens(self, chain: int) -> list[int]:
        """A chain's token ids."""
        draw = np.random.default_rng(chain)
        found: list[int] = draw.integers(0, VOCABULARY, self.chain_tokens).tolist()
        return found

    def asked(self) -> list[int]:
        """The chains that prompts begin with, spread over all."""
        return np.random.default_rng(7).permutation(self.chains)[: self.prompts].tolist()  # type: ignore[no-any-return]

    def holders(self) -> dict[int, str]:
        """The first own hash of every asked chain → the replica that holds it, by name."""
        found = {}
        for chain in self.asked():
            first = hash_tokens(np.array(self.tokens(chain)[:BLOCK_TOKENS], dtype=np.uint32), BLOCK_TOKENS)
            found[int(first[0])] = name(self.holder(chain))
        return found

    def requests(self) -> Iterator[bytes]:
        """The HTTP requests, one a prompt."""
        for chain in self.asked():
            prompt = self.tokens(chain) + list(range(TAIL_TOKENS))
            body = json.dumps({"model": MODEL, "prompt": prompt, "max_tokens": 50}, separators=(",", ":")).encode()
            head = f"POST /v1/completions HTTP/1.1\r\nHost: weir\r\nContent-Length: {len(body)}\r\n\r\n"
            yield head.encode() + body


def name(replica: int) -> str:
    """A replica's name in the fleet."""
    return f"{MODEL}-{replica}"


def write_fleet(path: Path, ports: list[int], events: list[str], replay: list[str]) -> None:
    """The fleet file."""
    addresses = [f"127.0.0.1:{port}" for port in ports]
    path.write_text(
        f"pools:\n  - name: {MODEL}\n    gpu: h100-sxm\n    model: llama-3.1-8b\n    served_name: {MODEL}\n"
        f"    addresses: {json.dumps(addresses)}\n    events: {json.dumps(events)}\n    replay: {json.dumps(replay)}\n"
    )
