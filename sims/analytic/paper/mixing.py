"""Whose lengths each of two pools sees under compress-and-route, as published and put right."""

from sims.analytic.lengths import LengthCdf
from sims.analytic.paper.conventions import Conventions
from sims.analytic.paper.service import Points, beyond, upto, whole

COMPRESSIBLE = 0.75


def short_points(lengths: LengthCdf, boundary: int, upper: int, conventions: Conventions) -> Points:
    """Lengths in the short pool; compressed requests are as long as the boundary."""
    points = upto(lengths, boundary)
    at, moved = lengths.share(boundary), COMPRESSIBLE * (lengths.share(upper) - lengths.share(boundary))
    if conventions.compressed_lost or moved <= 0.0:
        return points
    share = at / (at + moved)
    own = [(tokens, share * below) for tokens, below in points if tokens < boundary]
    return [*own, (boundary - 1, share), (boundary, 1.0)]


def long_points(lengths: LengthCdf, boundary: int, upper: int, conventions: Conventions) -> tuple[Points, int]:
    """Lengths in the long pool, and the least of them; those just above the boundary that stay are among them."""
    points = beyond(lengths, upper)
    if conventions.compressed_lost or upper == boundary:
        return points, max(1, upper)
    at, stay = lengths.share(boundary), 1.0 - COMPRESSIBLE
    total = stay * (lengths.share(upper) - at) + 1.0 - lengths.share(upper)
    grid = sorted({upper, *(tokens for tokens, _ in whole(lengths) if tokens > boundary)})

    def above(tokens: int) -> float:
        """Share of all requests that are long and no longer than that."""
        share = lengths.share(tokens)
        return stay * (min(share, lengths.share(upper)) - at) + max(0.0, share - lengths.share(upper))

    kept = [(tokens, above(tokens) / total) for tokens in grid]
    return [*kept[:-1], (kept[-1][0], 1.0)], boundary + 1
