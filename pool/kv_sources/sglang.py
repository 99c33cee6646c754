"""SGLang's KV events: vLLM's older tagged arrays, hashes signed; it names the media of its hierarchical cache."""

from pool.kv_events import Batch, kv_source
from pool.kv_sources import vllm


@kv_source
def decode(payload: bytes) -> Batch:
    """One payload as values; never raises. Signed hashes become the same 64 bits as everybody's."""
    return vllm.decode(payload)
