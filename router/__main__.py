"""`python -m router FRONT_SETTINGS_JSON`: a router without the command line around it."""

import sys
from typing import Any

import msgspec

from router.front import FrontSettings, run


def main() -> None:
    """Run the router that the settings describe; say so when it is ready."""
    settings = msgspec.json.decode(sys.argv[1], type=FrontSettings, dec_hook=_value)
    run(settings, lambda: print("ready", flush=True))  # noqa: T201


def _value(kind: type[Any], value: Any) -> Any:
    return kind(value)


if __name__ == "__main__":
    main()
