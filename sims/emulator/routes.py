"""Which path does what."""

from collections.abc import Callable
from time import time
from typing import Any

import msgspec

from sims.emulator.completions import Completions, Prompt
from sims.emulator.connection import Exchange, Handler
from sims.emulator.driver import Driver
from sims.emulator.handover import Wire
from sims.emulator.refusal import NoRoute, Refusal, unknown_model
from sims.emulator.replica import EmulatedReplica
from sims.emulator.vocabulary import vocabulary
from sims.replica.jobs import Impossible
from weir.prompt import render

VERSION = "0.32.0"
EXPOSITION = "text/plain; version=1.0.0; charset=utf-8"

Die = Callable[[float], None]


class Routes:
    """The HTTP API of one replica; `die` is there only when clients may ask for it."""

    def __init__(self, spec: EmulatedReplica, driver: Driver, wire: Wire, die: Die | None) -> None:
        self._spec, self._driver, self._die = spec, driver, die
        self._words = vocabulary(spec.tokenizer, spec.chat_template)
        self._born = int(time())
        completions = Completions(spec, driver, wire)
        self._paths: dict[str, dict[str, Handler]] = {
            "/v1/chat/completions": {"POST": completions.chat},
            "/v1/completions": {"POST": completions.text},
            "/v1/models": {"GET": self._models},
            "/health": {"GET": _empty},
            "/ping": {"GET": _empty, "POST": _empty},
            "/load": {"GET": self._load},
            "/version": {"GET": lambda exchange: _json(exchange, {"version": VERSION})},
            "/metrics": {"GET": lambda exchange: exchange.reply(200, driver.page(), EXPOSITION)},
            "/tokenize": {"POST": self._tokenize},
            "/detokenize": {"POST": self._detokenize},
            "/reset_prefix_cache": {"POST": self._reset},
            "/kv_event_sources": {"GET": self._sources},
        }
        if die is not None:
            self._paths["/emulator/die"] = {"POST": self._dying}

    def handle(self, exchange: Exchange) -> None:
        """Answer a request, or begin to."""
        request = exchange.request
        try:
            methods = self._paths.get(request.path.rstrip("/") or "/")
            if methods is None:
                raise NoRoute(404, "Not Found")
            handler = methods.get(request.method)
            if handler is None:
                raise NoRoute(405, "Method Not Allowed")
            handler(exchange)
        except Refusal as refusal:
            exchange.reply(refusal.status, refusal.body())
        except Impossible as error:
            exchange.reply(400, Refusal(400, str(error)).body())

    def _models(self, exchange: Exchange) -> None:
        model = {
            "id": self._spec.model,
            "object": "model",
            "created": self._born,
            "owned_by": "vllm",
            "root": self._spec.model,
            "parent": None,
            "max_model_len": self._spec.context_limit,
            "permission": [],
        }
        _json(exchange, {"object": "list", "data": [model]})

    def _load(self, exchange: Exchange) -> None:
        load = self._driver.engine.load()
        _json(exchange, {"server_load": load.running + load.waiting})

    def _tokenize(self, exchange: Exchange) -> None:
        body = self._body(exchange)
        match body:
            case {"prompt": str() as text}:
                pass
            case {"messages": [*chat]}:
                text = render(
                    [(str(m.get("role")), str(m.get("content") or "")) for m in chat], self._spec.chat_template
                )
            case _:
                raise Refusal(400, "Field required: 'prompt' or 'messages'")
        ids = Prompt(text, self._words).ids
        limit = self._spec.context_limit
        _json(exchange, {"count": len(ids), "max_model_len": limit, "tokens": ids, "token_strs": None})

    def _detokenize(self, exchange: Exchange) -> None:
        match self._body(exchange):
            case {"tokens": [*ids]} if all(type(token) is int and 0 <= token < 2**32 for token in ids):
                _json(exchange, {"prompt": self._words.decode(ids)})
            case _:
                raise Refusal(400, "Field required: 'tokens', a list of token ids", "tokens")

    def _reset(self, exchange: Exchange) -> None:
        self._driver.clear_cache()
        _empty(exchange)

    def _sources(self, exchange: Exchange) -> None:
        publisher = self._driver.publisher
        sources = {}
        if publisher is not None:
            sources["0"] = {  # by data-parallel rank
                "enable_kv_cache_events": True,
                "publisher": "zmq",
                "endpoint": publisher.endpoint,
                "replay_endpoint": publisher.replay_endpoint,
                "topic": publisher.topic,
            }
        _json(exchange, sources)

    def _dying(self, exchange: Exchange) -> None:
        match self._body(exchange):
            case {"seconds": int() | float() as seconds}:
                pass
            case _:
                raise Refusal(400, "Field required: 'seconds', how long to be dead", "seconds")
        _empty(exchange)
        assert self._die is not None
        self._die(float(seconds))

    def _body(self, exchange: Exchange) -> Any:
        try:
            body = msgspec.json.decode(exchange.request.body)
        except msgspec.DecodeError as error:
            raise Refusal(400, f"[{{'type': 'json_invalid', 'loc': ('body',), 'msg': '{error}'}}]") from None
        if isinstance(body, dict) and body.get("model") not in (None, self._spec.model):
            raise unknown_model(str(body["model"]))
        return body


def _json(exchange: Exchange, value: Any) -> None:
    exchange.reply(200, msgspec.json.encode(value))


def _empty(exchange: Exchange) -> None:
    exchange.reply(200, b"")
