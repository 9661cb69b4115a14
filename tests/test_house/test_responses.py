"""What the API sends is held by frozen dataclasses; pydantic models are for what it takes."""

import dataclasses
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel

from serving.routes import ROUTERS
from serving.web.error_answers import describe_errors

LEAST_CLASSES = 60


def list_sent() -> Iterator[Any]:
    """Return the type of every answer of every route, the described errors among them."""
    for router in ROUTERS:
        for route in router.routes:
            if isinstance(route, APIRoute) and route.path.startswith("/v1"):
                yield route.response_model
                yield from (one.get("model") for one in route.responses.values())


def find_classes(kind: Any, found: set[type]) -> set[type]:
    """Return the models and dataclasses that a type is made of, with those of their fields."""
    for part in get_args(kind):
        find_classes(part, found)
    is_model = isinstance(kind, type) and issubclass(kind, BaseModel)
    if (is_model or dataclasses.is_dataclass(kind)) and kind not in found:
        found.add(kind)
        for hint in get_type_hints(kind).values():
            find_classes(hint, found)
    return found


def find_faults(found: set[type]) -> list[str]:
    """Return the names of those that are not frozen dataclasses, sorted."""
    return sorted(
        one.__name__
        for one in found
        if not dataclasses.is_dataclass(one) or not one.__dataclass_params__.frozen  # type: ignore[attr-defined]
    )


def test_every_response_is_a_frozen_dataclass() -> None:
    """Nothing that a route sends, nor any part of it, is a pydantic model or can be changed."""
    found: set[type] = set()
    for kind in list_sent():
        find_classes(kind, found)
    assert find_faults(found) == []
    assert len(found) > LEAST_CLASSES


@dataclasses.dataclass
class _Loose:
    """A dataclass that can be changed."""

    text: str


class _Model(BaseModel):
    """A response as it should not be."""

    parts: list[_Loose] | None


@pytest.mark.parametrize("kind", [_Model, tuple[_Model, ...], _Model | None])
def test_a_model_among_the_responses_is_found(kind: Any) -> None:
    """A pydantic model is found wherever it stands in a type, and what it holds as well."""
    assert find_faults(find_classes(kind, set())) == ["_Loose", "_Model"]
    assert find_faults(find_classes(describe_errors(404)[404]["model"], set())) == []
