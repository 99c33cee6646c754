"""The Kubernetes API: found and entered as `kubernetes` does (kubeconfig or the pod's own account), asked for bytes.

Its models are left out where many objects come: reading a pod into them takes milliseconds, of which a list of a
thousand would make seconds. Calls block; whoever has a loop to keep makes them in a thread.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config import ConfigException
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from pool.cluster.objects import REFUSALS
from pool.cluster.resources import Resource
from pool.cluster.troubles import Trouble, trouble

CONNECT_S, ANSWER_S = 5.0, 15.0
WATCH_S = 290  # a watch is asked to end after so long, below what proxies in between cut
SILENCE_S = WATCH_S + 15.0
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
APPLY, MERGE = "application/apply-patch+yaml", "application/merge-patch+json"
MANAGER = "weir-pool"  # who is named as the owner of the fields that are written

Query = Sequence[tuple[str, str]]
T = TypeVar("T")


class NoCluster(ValueError):
    """There is no Kubernetes to be found from here."""


class Api:
    """One API server; thread-safe."""

    def __init__(self, kubeconfig: str = "") -> None:
        self.client = client.ApiClient(_configuration(kubeconfig))
        self.namespace = own_namespace(kubeconfig)

    def close(self) -> None:
        """Let every connection go."""
        self.client.close()  # type: ignore[no-untyped-call]

    def get(self, path: str, query: Query = ()) -> bytes:
        """The body of a GET; raises `Trouble`."""
        return self.call("GET", path, query)

    def patch(self, path: str, body: Any, kind: str = MERGE, query: Query = ()) -> bytes:
        """The object after a patch; raises `Trouble`."""
        force = [("force", "true")] if kind == APPLY else []
        return self.call("PATCH", path, [("fieldManager", MANAGER), *force, *query], body, kind)

    def post(self, path: str, body: Any) -> bytes:
        """The object made; raises `Trouble`."""
        return self.call("POST", path, [("fieldManager", MANAGER)], body)

    def put(self, path: str, body: Any) -> bytes:
        """The object replaced, only where its resourceVersion is still the body's; raises `Trouble`."""
        return self.call("PUT", path, [("fieldManager", MANAGER)], body)

    def call(self, method: str, path: str, query: Query = (), body: Any = None, kind: str = "") -> bytes:
        """One whole exchange; raises `Trouble`."""
        response = self.opened(method, path, query, body, kind, ANSWER_S)
        try:
            return response.data or b""
        except (HTTPError, OSError) as error:
            raise Trouble(f"{method} {path}: {_plain(error)}") from None
        finally:
            response.release_conn()

    def opened(
        self, method: str, path: str, query: Query, body: Any = None, kind: str = "", silence_s: float = SILENCE_S
    ) -> BaseHTTPResponse:
        """An answer whose head has come; raises `Trouble`."""
        headers = {"Accept": "application/json", "Content-Type": kind or "application/json"}
        sent = json.dumps(body) if kind == APPLY else body
        try:
            asked = self.client.param_serialize(
                method, path, query_params=list(query), header_params=headers, body=sent, auth_settings=["BearerToken"]
            )
            answer = self.client.call_api(*asked, _request_timeout=(CONNECT_S, silence_s))
        except (ApiException, HTTPError, OSError) as error:
            raise Trouble(f"{method} {path}: {_plain(error)}") from None
        response: BaseHTTPResponse = answer.response
        if response.status >= 400:
            raise trouble(response.status, f"{method} {path}: {_refusal(response)}")
        return response

    def typed(self, call: Callable[..., T], *words: Any) -> T:
        """A call of the client's own, with its models; raises `Trouble`."""
        try:
            return call(*words, _request_timeout=(CONNECT_S, ANSWER_S))
        except ApiException as error:
            raise trouble(error.status or 0, f"{call.__name__}: {_said(error.body) or error.reason}") from None
        except (HTTPError, OSError) as error:
            raise Trouble(f"{call.__name__}: {_plain(error)}") from None

    def watch(self, resource: Resource, version: str) -> "Stream":
        """What changes after a version; raises `Trouble`."""
        query = [
            ("watch", "true"), ("allowWatchBookmarks", "true"), ("resourceVersion", version),
            ("timeoutSeconds", str(WATCH_S)), *resource.query,
        ]  # fmt: skip
        return Stream(self.opened("GET", resource.path, query), resource.path)


class Stream:
    """A watch's lines; closing it from another thread ends it."""

    def __init__(self, response: BaseHTTPResponse, path: str) -> None:
        self._response, self._path = response, path

    def __iter__(self) -> Iterator[bytes]:
        rest = b""
        try:
            for piece in self._response.stream(amt=None, decode_content=True):
                *lines, rest = (rest + piece).split(b"\n")
                yield from filter(None, lines)
        except (HTTPError, OSError, ValueError) as error:
            raise Trouble(f"watching {self._path}: {_plain(error)}") from None
        finally:
            self._response.close()

    def close(self) -> None:
        """End it."""
        try:
            self._response.shutdown()
        except (AttributeError, ValueError, OSError, RuntimeError):
            self._response.close()


def own_namespace(kubeconfig: str = "") -> str:
    """The namespace to look in where none is named: the pod's own, or the kubeconfig's."""
    if found := os.environ.get("POD_NAMESPACE"):
        return found
    if ACCOUNT.exists():
        return ACCOUNT.read_text().strip()
    try:
        _, active = config.list_kube_config_contexts(kubeconfig or None)  # type: ignore[no-untyped-call]
    except (ConfigException, OSError):
        return "default"
    return str(active.get("context", {}).get("namespace") or "default")


def _configuration(kubeconfig: str) -> client.Configuration:
    made = client.Configuration()
    try:
        if not kubeconfig and "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ:
            config.load_incluster_config(client_configuration=made)  # type: ignore[no-untyped-call]
        else:
            config.load_kube_config(  # type: ignore[no-untyped-call]
                config_file=kubeconfig or None, client_configuration=made
            )
    except (ConfigException, OSError) as error:
        raise NoCluster(f"no Kubernetes to be found from here: {_plain(error)}: set KUBECONFIG") from None
    made.retries = False  # who calls knows best when to try again
    made.connection_pool_maxsize = 16
    return made


def _refusal(response: BaseHTTPResponse) -> str:
    """What a refusing answer says."""
    data = response.data
    response.release_conn()
    return _said(data) or f"status {response.status}"


def _said(body: bytes | str | None) -> str:
    """The message of a Status; empty when it is none."""
    try:
        return REFUSALS.decode(body or b"").message
    except msgspec.MsgspecError:
        return ""


def _plain(error: Exception) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    return words.rpartition("object at 0x")[2].partition(">: ")[2] or words
