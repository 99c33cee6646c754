"""Settings of every test run: one hypothesis profile, and no event loop that nobody closes."""

import asyncio

from hypothesis import HealthCheck, settings

asyncio.set_event_loop(None)  # else pytest-asyncio has the policy make a loop where a sync test is first

settings.register_profile(
    "weir", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], print_blob=True
)
settings.load_profile("weir")
