"""`python -m router FRONT_SETTINGS_JSON`: a router without the command line around it."""

import sys

import msgspec

from router.front import FrontSettings, run

if __name__ == "__main__":
    run(msgspec.json.decode(sys.argv[1], type=FrontSettings, dec_hook=lambda kind, value: kind(value)), lambda: print("ready", flush=True))  # noqa: T201
