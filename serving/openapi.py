"""The OpenAPI description, with who must be signed in for what."""

from collections.abc import Callable
from typing import Any, Final

from fastapi import FastAPI

from serving.access.route_rules import RULES
from serving.identity.sign_in_parts import Entrance

_WELL_KNOWN: Final = "/.well-known/openid-configuration"


def describe_security(app: FastAPI, entrance: Entrance) -> None:
    """Have the description name the ways to sign in, on every operation that needs one."""
    schemes = _name_schemes(entrance)
    plain: Callable[[], dict[str, Any]] = app.openapi

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            told = plain()
            told.setdefault("components", {})["securitySchemes"] = schemes
            for path, methods in told["paths"].items():
                for method, operation in methods.items():
                    operation["security"] = _need(method.upper(), path, schemes, entrance)
            app.openapi_schema = told
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]


def _name_schemes(entrance: Entrance) -> dict[str, Any]:
    schemes: dict[str, Any] = {
        "session": {"type": "apiKey", "in": "cookie", "name": entrance.session_cookie.name}
    }
    organisation = entrance.organisation
    if organisation is not None:
        schemes["token"] = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
        issuer = organisation.openid.rules.issuer.removesuffix("/")
        schemes["provider"] = {
            "type": "openIdConnect",
            "openIdConnectUrl": f"{issuer}{_WELL_KNOWN}",
        }
    return schemes


def _need(
    method: str, path: str, schemes: dict[str, Any], entrance: Entrance
) -> list[dict[str, list[str]]]:
    rule = RULES.get((method, path))
    if rule is None or rule.public:
        return []
    ways: list[dict[str, list[str]]] = [{"session": []}]
    if "token" in schemes and rule.scope is not None:
        ways += [{"token": []}, {"provider": [rule.scope]}]
    if rule.keeps_nothing and entrance.organisation is None:
        ways.append({})
    return ways
