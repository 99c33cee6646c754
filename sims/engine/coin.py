"""The hash of a request's id, `policies.request.hash31` of "seed-index", without making the text."""

from sims.engine.compiled import compiled

POLYNOMIAL = 0xEDB88320
EMPTY = 0xFFFFFFFF


@compiled
def folded(state: int, byte: int) -> int:
    """The CRC-32 state after one more byte."""
    state ^= byte
    for _ in range(8):
        state = (state >> 1) ^ (POLYNOMIAL & -(state & 1))
    return state


@compiled
def hashed(state: int, number: int) -> float:
    """The 31-bit hash of a text that ends in a decimal number, `state` being that of what comes before it."""
    scale = 1
    while number // scale >= 10:
        scale *= 10
    while scale > 0:
        state = folded(state, 48 + number // scale % 10)
        scale //= 10
    bits = (state ^ EMPTY) & 0x7FFFFFFF
    return float(bits if bits > 0 else 1)
