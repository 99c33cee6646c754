"""A small Kubernetes API: lists in pages, watches with versions and bookmarks, conflicts, patches, refusals as told.

Objects are stored as they come. What the same client tests find here and at a real API server must be the same.
"""

import copy
import itertools
import json
import socket
import threading
import uuid
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from weir.selectors import selector

Object = dict[str, Any]
KEEP = 4000  # events remembered

KINDS = {
    "pods": "Pod", "endpointslices": "EndpointSlice", "inferencepools": "InferencePool", "fleets": "Fleet",
    "pools": "Pool", "routepolicies": "RoutePolicy", "leases": "Lease", "events": "Event",
    "deployments": "Deployment", "statefulsets": "StatefulSet", "leaderworkersets": "LeaderWorkerSet",
    "inferencemodelrewrites": "InferenceModelRewrite", "inferenceobjectives": "InferenceObjective",
}  # fmt: skip


class Refused(Exception):
    """An HTTP status and why."""

    def __init__(self, code: int, reason: str, words: str) -> None:
        super().__init__(words)
        self.code, self.reason, self.words = code, reason, words


class Objects:
    """The objects, their versions and what happened to them."""

    def __init__(self) -> None:
        self.lock = threading.Condition()
        self.version = 1
        self.oldest = 1  # watches may begin here
        self.items: dict[tuple[str, str], Object] = {}  # by list path and name
        self.applied: dict[tuple[str, str, str], Object] = {}  # what an apply said last, by object and subresource
        self.log: deque[tuple[int, str, str, Object]] = deque(maxlen=KEEP)  # version, list path, type, object

    def put(self, path: str, found: Object, kind: str) -> Object:
        """Store it under a new version and tell watches."""
        self.version += 1
        found["metadata"]["resourceVersion"] = str(self.version)
        self.items[path, found["metadata"]["name"]] = found
        self._tell(path, kind, found)
        return found

    def remove(self, path: str, name: str) -> Object:
        found = self.items.pop((path, name))
        self.version += 1
        found["metadata"]["resourceVersion"] = str(self.version)
        self._tell(path, "DELETED", found)
        return found

    def forget(self) -> None:
        """As etcd's compaction: watches from before now are told 410."""
        with self.lock:
            self.version += 1
            self.oldest = self.version
            self.log.clear()
            self.lock.notify_all()

    def _tell(self, path: str, kind: str, found: Object) -> None:
        self.log.append((self.version, path, kind, copy.deepcopy(found)))
        self.lock.notify_all()


class FakeApi:
    """The server, in threads of its own."""

    def __init__(self) -> None:
        self.objects = Objects()
        self.denied: set[tuple[str, str]] = set()  # verb and plural that the role does not allow
        self.unserved: set[str] = set()  # API group versions and plurals, as `discovery.k8s.io/v1/endpointslices`
        self.asked: list[str] = []
        self.bookmark_s = 0.2
        self.generation = itertools.count()  # watches of an earlier one end
        self.epoch = next(self.generation)
        self.connections: set[socket.socket] = set()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0

    def start(self) -> None:
        api = self

        class Handler(_Handler):
            fake = api

        self._server = _Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections, and end those there are."""
        self.break_watches()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def break_watches(self) -> None:
        with self.objects.lock:
            self.epoch = next(self.generation)
            self.objects.lock.notify_all()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def kubeconfig(self, folder: Path) -> Path:
        path = folder / "fake-kubeconfig"
        path.write_text(f"""apiVersion: v1
kind: Config
clusters: [{{name: here, cluster: {{server: "{self.url}"}}}}]
users: [{{name: admin, user: {{token: secret}}}}]
contexts: [{{name: here, context: {{cluster: here, user: admin}}}}]
current-context: here
""")
        return path


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    fake: FakeApi

    def setup(self) -> None:
        super().setup()
        self.fake.connections.add(self.request)

    def finish(self) -> None:
        self.fake.connections.discard(self.request)
        with suppress(OSError, ValueError):
            super().finish()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 (the library's names)

    def _answer(self) -> None:
        place = urlsplit(self.path)
        query = {key: values[-1] for key, values in parse_qs(place.query).items()}
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        self.fake.asked.append(f"{self.command} {self.path}")
        try:
            path, name, sub = parsed(place.path)
            verb = self._verb(name, query)
            self._check(verb, path)
            if verb == "watch":
                self._watch(path, query)
                return
            with self.fake.objects.lock:
                self._send(201 if verb == "create" else 200, self._do(verb, path, name, sub, query, body))
        except Refused as refused:
            self._send(refused.code, status(refused))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _verb(self, name: str, query: dict[str, str]) -> str:
        if self.command == "GET":
            return "get" if name else "watch" if query.get("watch") == "true" else "list"
        return {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}[self.command]

    def _check(self, verb: str, path: str) -> None:
        plural = path.rpartition("/")[2]
        group = path.partition("/namespaces/")[0].removeprefix("/apis/").removeprefix("/api/")
        if plural not in KINDS or f"{group}/{plural}" in self.fake.unserved:
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        if (verb, plural) in self.fake.denied:
            raise Refused(403, "Forbidden", f'{plural} is forbidden: User "weir" cannot {verb} resource "{plural}"')

    def _do(self, verb: str, path: str, name: str, sub: str, query: dict[str, str], body: Any) -> Object:
        objects = self.fake.objects
        if verb == "list":
            return self._page(path, query)
        if verb == "create":
            return self._create(path, body)
        applied = self.headers.get("content-type", "").startswith("application/apply-patch")
        there = objects.items.get((path, name))
        if there is None and applied and not sub:
            return self._create(path, body)
        if there is None:
            raise Refused(404, "NotFound", f'{path.rpartition("/")[2]} "{name}" not found')
        if verb == "get":
            return scale_of(there) if sub == "scale" else there
        if verb == "delete":
            return objects.remove(path, name)
        same_version(there, body)
        if applied:
            before, objects.applied[path, name, sub] = objects.applied.get((path, name, sub), {}), copy.deepcopy(body)
            body = without(before, body)
        made = written(there, body, sub, whole=verb == "update")
        if made == there:
            return scale_of(there) if sub == "scale" else there
        stored = objects.put(path, made, "MODIFIED")
        return scale_of(stored) if sub == "scale" else stored

    def _create(self, path: str, body: Object) -> Object:
        meta = body.setdefault("metadata", {})
        if "generateName" in meta and "name" not in meta:
            meta["name"] = meta["generateName"] + uuid.uuid4().hex[:5]
        if (path, meta["name"]) in self.fake.objects.items:
            raise Refused(409, "AlreadyExists", f'"{meta["name"]}" already exists')
        meta |= {
            "uid": str(uuid.uuid4()),
            "generation": 1,
            "creationTimestamp": now(),
            "namespace": path.split("/")[-2],
        }
        body.setdefault("kind", KINDS[path.rpartition("/")[2]])
        return self.fake.objects.put(path, body, "ADDED")

    def _page(self, path: str, query: dict[str, str]) -> Object:
        wanted = selector(query.get("labelSelector", ""))
        found = [one for (at, _), one in sorted(self.fake.objects.items.items()) if at == path and fits(wanted, one)]
        limit, start = int(query.get("limit") or 0) or len(found), int(query.get("continue") or 0)
        more = str(start + limit) if start + limit < len(found) else ""
        meta = {"resourceVersion": str(self.fake.objects.version), "continue": more}
        return {"kind": "List", "metadata": meta, "items": found[start : start + limit]}

    def _watch(self, path: str, query: dict[str, str]) -> None:
        objects, at, wanted = self.fake.objects, int(query["resourceVersion"]), selector(query.get("labelSelector", ""))
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.send_header("content-type", "application/json")
        self.end_headers()
        with objects.lock:
            epoch = self.fake.epoch
        while True:
            with objects.lock:
                gone = at < objects.oldest
                ready = [each for each in objects.log if each[0] > at and each[1] == path]
                if not ready and not gone and self.fake.epoch == epoch:
                    objects.lock.wait(self.fake.bookmark_s)
                ended, version = self.fake.epoch != epoch, objects.version
            if gone:
                self._chunk({"type": "ERROR", "object": status(Refused(410, "Expired", "too old resource version"))})
            if gone or ended:
                self._chunk(None)
                return
            for _, _, kind, found in ready:
                if fits(wanted, found):
                    self._chunk({"type": kind, "object": found})
            if not ready:
                mark = {
                    "kind": KINDS[path.rpartition("/")[2]],
                    "metadata": {"resourceVersion": str(version), "creationTimestamp": None},
                }
                self._chunk({"type": "BOOKMARK", "object": mark})
            at = max(at, ready[-1][0] if ready else at)

    def _chunk(self, line: Object | None) -> None:
        data = b"" if line is None else json.dumps(line).encode() + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _send(self, code: int, found: Object) -> None:
        data = json.dumps(found).encode()
        self.send_response(code)
        self.send_header("content-length", str(len(data)))
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(data)


def parsed(path: str) -> tuple[str, str, str]:
    """A list's path, an object's name and its subresource; those that are not there are empty."""
    words = path.strip("/").split("/")
    begin = words.index("namespaces") + 3 if "namespaces" in words else len(words)
    rest = [*words[begin:], "", ""]
    return "/" + "/".join(words[:begin]), rest[0], rest[1]


def fits(wanted: Any, found: Object) -> bool:
    return bool(wanted.matches(found["metadata"].get("labels") or {}))


def same_version(there: Object, body: Object) -> None:
    meta = body.get("metadata") or {}
    for field in ("resourceVersion", "uid"):
        if field in meta and meta[field] != there["metadata"][field]:
            raise Refused(409, "Conflict", "the object has been modified; apply your changes to the latest version")


def written(there: Object, body: Object, sub: str, *, whole: bool) -> Object:
    """An object after a write to it or to its subresource."""
    made = copy.deepcopy(there)
    if sub == "scale":
        made.setdefault("spec", {})["replicas"] = body["spec"]["replicas"]
    elif sub == "status":
        made["status"] = body.get("status", {}) if whole else merged(made.get("status", {}), body.get("status", {}))
    elif whole:
        made = copy.deepcopy(body)
        made["metadata"] = {**there["metadata"], **body["metadata"]}
    else:
        kept = made.get("status")
        made = merged(made, {key: value for key, value in body.items() if key != "status"})
        made |= {"status": kept} if kept is not None else {}
    if made.get("spec") != there.get("spec"):
        made["metadata"]["generation"] = there["metadata"].get("generation", 1) + 1
    return made


def without(before: Any, body: Any) -> Any:
    """What an apply says, and that what it said before and says no more is to go."""
    if not isinstance(before, dict) or not isinstance(body, dict):
        return body
    return {**dict.fromkeys(before.keys() - body.keys()), **{key: without(before.get(key), body[key]) for key in body}}


def merged(there: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    out = dict(there) if isinstance(there, dict) else {}
    for key, value in patch.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = merged(out.get(key), value)
    return out


def scale_of(found: Object) -> Object:
    meta = {key: found["metadata"][key] for key in ("name", "namespace", "resourceVersion", "uid")}
    spec = {"replicas": found.get("spec", {}).get("replicas", 1)}
    return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": meta, "spec": spec}


def status(refused: Refused) -> Object:
    return {"kind": "Status", "code": refused.code, "reason": refused.reason, "message": refused.words}


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
