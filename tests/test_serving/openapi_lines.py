"""The OpenAPI description as lines: one a parameter, field or answer, without names and prose.

`python -m tests.test_serving.openapi_lines` writes `openapi_golden.txt` again; nothing else does.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from serving.app import create_app
from serving.settings import make_settings

GOLDEN: Final = Path(__file__).with_name("openapi_golden.txt")
_ERRORS_FROM: Final = 400
_PROSE: Final = {"title", "description", "summary", "example", "examples"}
_SHAPE: Final = {"$ref", "properties", "required", "items", "anyOf", "prefixItems"}


def describe_api() -> list[str]:
    """Return the lines of a service with neither bundle nor store; its routes are all routes."""
    api = create_app(make_settings()).openapi()
    schemas = api["components"]["schemas"]
    errors: dict[tuple[str, ...], str] = {}
    lines = [
        line
        for path, methods in api["paths"].items()
        for method, operation in methods.items()
        for line in _describe_operation(f"{method.upper()} {path}", operation, schemas, errors)
    ]
    return sorted({*lines, *(f"{name}{line}" for shape, name in errors.items() for line in shape)})


def _describe_operation(
    name: str, operation: dict[str, Any], schemas: Any, errors: dict[tuple[str, ...], str]
) -> Iterator[str]:
    yield f"{name} id {operation['operationId']} {json.dumps(operation.get('security'))}"
    for one in operation.get("parameters", []):
        need = "required" if one.get("required") else "optional"
        place = f"{name} {one['in']} {one['name']} {need}"
        yield from _describe_schema(place, one["schema"], schemas)
    body = operation.get("requestBody")
    if body is not None:
        need = "required" if body.get("required") else "optional"
        yield from _describe_content(f"{name} body {need}", body["content"], schemas)
    for status, answer in operation["responses"].items():
        yield f"{name} {status} headers {sorted(answer.get('headers', {}))}"
        shape = tuple(_describe_content("", answer.get("content", {}), schemas))
        if int(status) < _ERRORS_FROM:
            yield from (f"{name} {status}{line}" for line in shape)
        else:  # hundreds of errors have one shape, which is written once
            yield f"{name} {status} {errors.setdefault(shape, f'error shape {len(errors)}')}"


def _describe_content(place: str, content: dict[str, Any], schemas: Any) -> Iterator[str]:
    for kind, media in content.items():
        yield from _describe_schema(f"{place} {kind} $", media.get("schema", {}), schemas)


def _describe_schema(place: str, schema: dict[str, Any], schemas: Any) -> Iterator[str]:
    if "$ref" in schema:
        yield from _describe_schema(place, schemas[schema["$ref"].split("/")[-1]], schemas)
        return
    plain = {name: value for name, value in schema.items() if name not in _PROSE | _SHAPE}
    if isinstance(plain.get("additionalProperties"), dict):
        yield from _describe_schema(f"{place}.*", plain.pop("additionalProperties"), schemas)
    yield f"{place} {json.dumps(plain, sort_keys=True)}"
    for name, field in schema.get("properties", {}).items():
        need = "" if name in schema.get("required", []) else "?"
        yield from _describe_schema(f"{place}.{name}{need}", field, schemas)
    if "items" in schema:
        yield from _describe_schema(f"{place}[]", schema["items"], schemas)
    for key in ("anyOf", "prefixItems"):
        for number, one in enumerate(schema.get(key, [])):
            mark = "|" if key == "anyOf" else f"[{number}]"
            yield from _describe_schema(place + mark, one, schemas)


if __name__ == "__main__":
    GOLDEN.write_text("\n".join(describe_api()) + "\n", encoding="utf-8")
