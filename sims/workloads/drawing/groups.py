"""Groups of prompts that share a beginning, found in a trace."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from sims.arrivals import Arrivals, Ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """How many there are and what they share."""

    groups: int
    prompts_per_group: int
    system_tokens: int  # median over the prompts that share a beginning with another
    question_mean: float  # tokens beyond it
    question_std: float

    @classmethod
    def of(cls, sample: Arrivals) -> Self:
        """From the distinct prompts of a trace with blocks."""
        prompts, tokens = distinct(sample)
        used = np.bincount(np.concatenate(prompts), minlength=1)
        shared = [_leading(used[blocks] > 1) for blocks in prompts]
        heads = {int(blocks[n - 1]) if n else -1 - i for i, (blocks, n) in enumerate(zip(prompts, shared, strict=True))}
        lengths = np.array(shared)
        common = int(np.median(lengths[lengths > 0])) * sample.block_tokens if lengths.any() else 0
        questions = np.maximum(np.array(tokens) - common, 1)
        return cls(
            groups=len(heads),
            prompts_per_group=max(round(len(prompts) / len(heads)), 1),
            system_tokens=common,
            question_mean=round(float(questions.mean()), 3),
            question_std=round(float(questions.std()), 3),
        )


def distinct(sample: Arrivals) -> tuple[list[Ids], list[int]]:
    """The blocks of every distinct prompt that has any, and its tokens."""
    found: dict[bytes, int] = {}
    ends = sample.ends.tolist()
    for i in range(len(sample)):
        found.setdefault(sample.blocks[ends[i] : ends[i + 1]].tobytes(), i)
    found.pop(b"", None)
    places = list(found.values())
    return [sample.blocks[ends[i] : ends[i + 1]] for i in places], sample.prompt_tokens[places].tolist()


def _leading(flags: npt.NDArray[np.bool_]) -> int:
    """How many are true before the first that is not."""
    return len(flags) if flags.all() else int(np.argmin(flags))
