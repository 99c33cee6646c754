"""Arrivals over a fleet in virtual time, decided by the policies that route live requests."""

from sims.replay.result import Result, Served, Use
from sims.replay.run import replay

__all__ = ["Result", "Served", "Use", "replay"]
