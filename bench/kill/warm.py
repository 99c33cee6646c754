"""Imported by the fork server alone: what every emulator would load for itself, so that it is back in no time."""

from bench.kill.herd import MODELS
from policies.perf.profiles import model
from sims.emulator.vocabulary import vocabulary

for name in MODELS:
    vocabulary(model(name).tokenizer, model(name).template)
