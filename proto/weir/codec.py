"""Between the wire's messages and the ground's values."""

from policies.fleet import Replica
from policies.perf.latency import LatencyModel
from policies.perf.profiles import latency_model
from weir.v1 import fleet_pb2


def replica(message: fleet_pb2.Replica) -> Replica:
    """The replica that a message describes, its latency model from the profiles it names."""
    return Replica(
        name=message.name,
        address=message.address,
        pool=message.pool,
        model=message.model,
        gpu=message.gpu,
        role=message.role or "mixed",
        block_tokens=message.block_tokens,
        context_limit=message.context_limit,
        tokenizer=message.tokenizer,
        chat_template=message.chat_template,
        events=message.events,
        replay=message.replay,
        epoch=message.epoch,
        perf=latency(message),
    )


def latency(message: fleet_pb2.Replica) -> LatencyModel:
    """The latency model of a described replica; raises `UnknownProfile` or `DoesNotFit`."""
    engine = message.engine
    return latency_model(
        message.gpu,
        message.profile,
        message.gpus or 1,
        chunk_tokens=engine.max_num_batched_tokens or None,
        max_seqs=engine.max_num_seqs or None,
        memory_utilisation=engine.memory_utilisation or 0.9,
        slowdown=engine.slowdown if engine.HasField("slowdown") else None,
        host_s=engine.host_s if engine.HasField("host_s") else None,
        frontend_s=engine.frontend_s if engine.HasField("frontend_s") else None,
        price_per_gpu_hour=engine.price_per_gpu_hour if engine.HasField("price_per_gpu_hour") else None,
        kv_tokens=engine.kv_tokens or None,
    )
