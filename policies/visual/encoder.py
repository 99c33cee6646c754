"""What one family's visual encoder is, from its sheet in policies/visual."""

from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from policies.perf import sheets

ACTIVATION_BYTES = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """A vision transformer and the projector behind it; images become patches, patches visual tokens."""

    name: str
    title: str
    patch_params: float  # parameters that each patch is multiplied with
    projector_params: float  # ... and each visual token
    layers: int
    hidden: int
    patches_per_token: float
    attended_patches: float  # other patches that each one attends to: of its tile, its window, or a usual image
    embedding_width: float  # numbers that one visual token is handed over as
    rule: tuple[tuple[str, Any], ...]  # how many tokens an image becomes, see `policies.visual.tokens`
    source: str

    @property
    def params(self) -> float:
        """All parameters."""
        return self.patch_params + self.projector_params

    @property
    def token_flops(self) -> float:
        """Operations for one visual token: its patches through all layers, and the projector."""
        attention = 4.0 * self.layers * self.hidden * self.attended_patches
        return self.patches_per_token * (2.0 * self.patch_params + attention) + 2.0 * self.projector_params

    @property
    def embedding_bytes(self) -> float:
        """Bytes of one encoded visual token."""
        return ACTIVATION_BYTES * self.embedding_width


REQUIRED = {f.name for f in fields(Encoder)} - {"name", "title", "rule"}


def encoder_names() -> tuple[str, ...]:
    """Names of all encoder sheets, sorted."""
    return sheets.names("visual")


@cache
def encoder(name: str) -> Encoder:
    """The encoder of that name, read once; raises UnknownProfile, BadSheet."""
    sheet = sheets.read("visual", name)
    sheets.check(f"visual/{name}", sheet, ("title", "rule", "encoder"))
    sheets.check(f"visual/{name}: encoder", sheet["encoder"], REQUIRED)
    rule = tuple((key, tuple(value) if isinstance(value, list) else value) for key, value in sheet["rule"].items())
    return Encoder(name=name, title=sheet["title"], rule=rule, **sheet["encoder"])
