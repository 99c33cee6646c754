"""What an OpenAI API says it serves."""

import json
from http.client import HTTPException
from urllib.error import URLError
from urllib.request import Request, urlopen

from cli.door import WrongUse
from sims.load.target import Target

TIMEOUT_S = 10.0


def first_model(url: str, api_key: str = "") -> str:
    """The first model an API lists; raises `BadUrl`, or `WrongUse` when it lists none."""
    Target.of(url, api_key)
    address = f"{url.rstrip('/').removesuffix('/v1')}/v1/models"
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    try:
        with urlopen(Request(address, headers=headers), timeout=TIMEOUT_S) as reply:  # noqa: S310 (http or https, checked above)
            return str(json.load(reply)["data"][0]["id"])
    except (URLError, HTTPException, OSError) as error:
        why = getattr(error, "reason", None) or error
        raise WrongUse(f"{address} does not answer ({why}): check --url, or name a model with --model") from None
    except (ValueError, LookupError, TypeError):
        raise WrongUse(f"{address} lists no models: name one with --model") from None
