"""Generate the chart's values schema, CRDs, table of weights and dashboards: `python helm/generate.py [--check]`."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

from helm.dashboards import DASHBOARDS, dashboard
from policies.perf.profiles import model, model_names
from weir.chart import Values
from weir.resources import GROUP, KINDS, VERSION

HERE = Path(__file__).parent
HEAD = "# Made by helm/generate.py from proto/weir/resources.py.\n"
HEAD_OF_WEIGHTS = "# Made by helm/generate.py from the sources of policies/models.\n"
DRAFT = "http://json-schema.org/draft-07/schema#"
DROPPED = ("title", "default", "additionalProperties", "$defs", "description")

Schema = dict[str, Any]

COLUMNS = {
    "Fleet": [
        ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status'), ("Pools", "integer", ".status.pools"),
    ],
    "Pool": [
        ("GPU", "string", ".spec.gpu"), ("Model", "string", ".spec.model"), ("Role", "string", ".spec.role"),
        ("Wanted", "integer", ".spec.replicas"), ("Ready", "integer", ".status.ready"),
        ("Valid", "string", '.status.conditions[?(@.type=="Valid")].status'),
    ],
    "RoutePolicy": [
        ("Policy", "string", ".spec.policy"),
        ("Valid", "string", '.status.conditions[?(@.type=="Valid")].status'),
        ("Serving", "string", '.status.conditions[?(@.type=="Serving")].status'),
    ],
}  # fmt: skip
PLURALS = {"Fleet": "fleets", "Pool": "pools", "RoutePolicy": "routepolicies"}
SHORT = {"Fleet": ["wf"], "Pool": ["wp"], "RoutePolicy": ["wrp"]}

CONDITION: Schema = {
    "type": "object",
    "required": ["type", "status"],
    "properties": {
        "type": {"type": "string"},
        "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
        "reason": {"type": "string"},
        "message": {"type": "string"},
        "lastTransitionTime": {"type": "string", "format": "date-time"},
        "observedGeneration": {"type": "integer"},
    },
}
STATUS: Schema = {
    "type": "object",
    "properties": {
        "conditions": {
            "type": "array", "items": CONDITION, "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
        "observedGeneration": {"type": "integer"},
        "serving": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "pools": {"type": "integer"},
        "replicas": {"type": "integer"},
        "ready": {"type": "integer"},
        "wanted": {"type": "integer"},
        "boundary": {"type": "object", "properties": {
            "short": {"type": "string"}, "long": {"type": "string"}, "tokens": {"type": "integer"},
            "gamma": {"type": "string"},
        }},
        "selector": {"type": "string"},
    },
}  # fmt: skip


def values_schema() -> str:
    """JSON schema of values.yaml, as Helm checks it."""
    schema = Values.model_json_schema()
    # Helm gives every chart this key.
    schema["properties"]["global"] = {"type": "object"}
    return json.dumps({"$schema": DRAFT, **schema}, indent=1, sort_keys=True) + "\n"


def weights() -> str:
    """What vLLM loads of each model profile: the repository whose config.json the profile was read from."""
    found = {name: re.match(r"config\.json of ([^\s,;]+)", model(name).source) for name in model_names()}
    return HEAD_OF_WEIGHTS + "".join(f"{name}: {source[1]}\n" for name, source in found.items() if source)


def structural(schema: Schema, defs: dict[str, Schema]) -> Schema:
    """A model's schema as Kubernetes wants it: no references, no unions but "or null", nothing it does not know."""
    if "$ref" in schema:
        return structural(defs[schema["$ref"].rpartition("/")[2]], defs)
    if "allOf" in schema and len(schema["allOf"]) == 1:
        return structural(schema["allOf"][0], defs)
    if "anyOf" in schema:
        some = [each for each in schema["anyOf"] if each.get("type") != "null"]
        assert len(some) == 1, f"a union has no structural schema: {schema}"
        return {**structural(some[0], defs), "nullable": True}
    out = {key: value for key, value in schema.items() if key not in DROPPED}
    if "const" in out:
        out["enum"] = [out.pop("const")]
    for key in ("exclusiveMinimum", "exclusiveMaximum"):
        if key in out:  # draft 4: a flag beside the bound
            out[key.replace("exclusiveM", "m")] = out[key]
            out[key] = True
    if "properties" in out:
        out["properties"] = {name: structural(each, defs) for name, each in out["properties"].items()}
    if "items" in out:
        out["items"] = structural(out["items"], defs)
    if isinstance(schema.get("additionalProperties"), dict):
        out["additionalProperties"] = structural(schema["additionalProperties"], defs)
    if out.get("type") == "object" and "properties" not in out and "additionalProperties" not in out:
        out["x-kubernetes-preserve-unknown-fields"] = True
    return out


def crd(kind: str) -> str:
    """The CustomResourceDefinition of one kind."""
    schema = KINDS[kind].model_json_schema()
    spec = structural(schema, schema.get("$defs", {}))
    if kind == "Pool":
        del spec["properties"]["name"]
        spec["required"] = [each for each in spec["required"] if each != "name"]
    subresources: Schema = {"status": {}}
    if kind == "Pool":
        subresources["scale"] = {
            "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        }  # fmt: skip
    version = {
        "name": VERSION, "served": True, "storage": True, "subresources": subresources,
        "additionalPrinterColumns": [{"name": n, "type": t, "jsonPath": p} for n, t, p in COLUMNS[kind]],
        "schema": {"openAPIV3Schema": {"type": "object", "required": ["spec"], "properties": {
            "apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"},
            "spec": spec, "status": STATUS,
        }}},
    }  # fmt: skip
    names = {"kind": kind, "plural": PLURALS[kind], "singular": kind.lower(), "shortNames": SHORT[kind]}
    whole = {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURALS[kind]}.{GROUP}"},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }  # fmt: skip
    return HEAD + yaml.dump(whole, Dumper=Plain, sort_keys=False)


class Plain(yaml.SafeDumper):
    """No anchors: what is used twice is written twice."""

    def ignore_aliases(self, data: object) -> bool:
        """All of it."""
        return True


def files() -> dict[Path, str]:
    """What is generated, by path."""
    found = {HERE / "files" / "crds" / f"{PLURALS[kind]}.yaml": crd(kind) for kind in KINDS}
    shown = {HERE / "dashboards" / f"{name}.json": dashboard(name) for name in DASHBOARDS}
    return found | shown | {HERE / "values.schema.json": values_schema(), HERE / "files" / "weights.yaml": weights()}


def main() -> int:
    """Write them, or say what has drifted."""
    stale = [path for path, text in files().items() if not path.exists() or path.read_text() != text]
    if sys.argv[1:] == ["--check"]:
        sys.stderr.write("".join(f"helm/{path.name} is stale: run `python helm/generate.py`\n" for path in stale))
        return int(bool(stale))
    for path in stale:
        path.write_text(files()[path])
    return 0


if __name__ == "__main__":
    sys.exit(main())
