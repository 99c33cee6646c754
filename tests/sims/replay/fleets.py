"""Small fleets and workloads for replays."""

from policies.fleet import Replica
from policies.perf.profiles import latency_model
from sims.arrival import Arrival

CHAT, REASON = "chat", "reason"


def replica(name: str, gpu: str = "h100-sxm", model: str = CHAT) -> Replica:
    perf = latency_model(gpu, "llama-3.1-8b")
    return Replica(name=name, address="", pool=gpu, model=model, gpu=gpu, perf=perf)


def chats(count: int, gap_s: float = 0.05, model: str = CHAT) -> list[Arrival]:
    """Chats of different lengths that share nothing."""
    return [
        Arrival(at=i * gap_s, prompt_tokens=100 + 37 * i % 900, output_tokens=1 + 13 * i % 200, model=model)
        for i in range(count)
    ]


def turns(count: int, gap_s: float = 30.0) -> list[Arrival]:
    """One session whose prompt grows by a block of 512 tokens a turn."""
    return [
        Arrival(
            at=i * gap_s,
            prompt_tokens=512 * (i + 1) + 20,
            output_tokens=20,
            session="s",
            model=CHAT,
            blocks=tuple(range(i + 1)),
            block_tokens=512,
        )
        for i in range(count)
    ]
