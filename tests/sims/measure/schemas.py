"""As much of JSON Schema as the reports' schema uses."""

from typing import Any

TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "boolean": (bool,), "null": (type(None),),
    "number": (int, float), "integer": (int,),
}  # fmt: skip
KNOWN = {
    "$schema", "title", "description", "$defs", "$ref", "type", "properties", "required", "additionalProperties",
    "items", "prefixItems", "minItems", "maxItems", "anyOf", "const", "enum", "default",
}  # fmt: skip


def faults(value: Any, schema: Any, root: dict[str, Any], at: str = "report") -> list[str]:
    """Everything that is wrong with a value; a keyword that is not known here is a fault of the schema."""
    if schema is True:
        return []
    assert set(schema) <= KNOWN, f"{at}: {set(schema) - KNOWN}"
    if "$ref" in schema:
        return faults(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, at)
    if "anyOf" in schema:
        tried = [faults(value, each, root, at) for each in schema["anyOf"]]
        return [] if not all(tried) else min(tried, key=len)
    if "const" in schema and value != schema["const"]:
        return [f"{at} is {value!r}, not {schema['const']!r}"]
    return _typed(value, schema, at) or _inside(value, schema, root, at)


def _typed(value: Any, schema: dict[str, Any], at: str) -> list[str]:
    if "type" not in schema:
        return []
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    fits = any(isinstance(value, TYPES[kind]) and (kind == "boolean") == isinstance(value, bool) for kind in kinds)
    return [] if fits else [f"{at} is {value!r}, not {kinds}"]


def _inside(value: Any, schema: dict[str, Any], root: dict[str, Any], at: str) -> list[str]:
    if isinstance(value, dict):
        return _object(value, schema, root, at)
    if not isinstance(value, list):
        return []
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        return [f"{at} has {len(value)} items"]
    each = schema.get("prefixItems") or [schema.get("items", True)] * len(value)
    return [
        fault
        for i, (one, of) in enumerate(zip(value, each, strict=True))
        for fault in faults(one, of, root, f"{at}[{i}]")
    ]


def _object(value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any], at: str) -> list[str]:
    properties, more = schema.get("properties", {}), schema.get("additionalProperties", True)
    found = [f"{at} lacks {key}" for key in schema.get("required", []) if key not in value]
    for key, inner in value.items():
        if key in properties:
            found += faults(inner, properties[key], root, f"{at}.{key}")
        elif more is False:
            found.append(f"{at} has {key}, which is not documented")
        else:
            found += faults(inner, more, root, f"{at}.{key}")
    return found
