"""List prices of the models in the matrix, dollars per million tokens (in, out).

A model is priced by its maker's own API where there is one (Gemini: Google's of late 2024 to 128k tokens, from memory
and unchecked; the others as in litellm 1.109.1), else by one host's size classes (together_ai in the same list).
"""

from collections.abc import Mapping

Price = tuple[float, float]

MAKERS: Mapping[str, Price] = {
    "gemini-1.5-pro-002": (1.25, 5.0),
    "gemini-1.5-flash-002": (0.075, 0.30),
    "DeepSeek-Coder-V2": (0.14, 0.28),
    "jamba-1.5-large": (2.0, 8.0),
    "c4ai-command-r-v01": (0.15, 0.60),
    "Phi-3-mini-4k-instruct": (0.13, 0.52),  # Azure AI, its maker's
    "Mixtral-8x7B-Instruct-v0.1": (0.6, 0.6),
    "Mixtral-8x7B-v0.1": (0.6, 0.6),
}
CLASSES: tuple[tuple[float, float], ...] = ((4.0, 0.1), (8.0, 0.2), (21.0, 0.3), (41.0, 0.8), (80.0, 0.9), (110.0, 1.8))
"""together_ai: up to so many billions of parameters, one price for tokens in and out."""


def price_of(model: str) -> Price:
    """Dollars per million tokens in and out; raises ValueError for a model of neither price nor size."""
    if model in MAKERS:
        return MAKERS[model]
    billions = _size(model)
    price = next((usd for most, usd in CLASSES if billions <= most), None)
    if price is None:
        raise ValueError(f"{model} has no list price and its name tells no size: enter it in bench/select/prices.py")
    return price, price


def _size(model: str) -> float:
    """Billions of parameters as the name says them; infinite where it does not."""
    for part in model.replace("_", "-").split("-"):
        if part[-1:].lower() == "b" and part[:-1].replace(".", "").isdigit():
            return float(part[:-1])
    return float("inf")
