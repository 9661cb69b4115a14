"""The routes of the sign-in over a real entrance, with a clock that a test sets."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from starlette.testclient import TestClient

from serving.api.sign_in import router as api_router
from serving.identity.sign_in_parts import open_entrance
from serving.pages.rendering import install_page_errors
from serving.pages.sign_in_page import router as page_router
from serving.persons import need_person
from serving.scoring.model_in_use import Champion
from serving.service import Service
from serving.settings import Settings, make_settings
from serving.store.database import Store
from serving.web.error_answers import install_handlers
from serving.web.response_headers import SecurityHeaders
from serving.web.sign_in import SignIn
from tests.test_serving.issuers import ACCESS, AUDIENCE, CLIENT, PUBLIC, SECRET, Issuer, Watch

SESSION = "__Host-caselight_session"
FLOW = "__Host-caselight_flow"


def write_settings(folder: Path, issuer: Issuer, **given: Any) -> Settings:
    """Return settings of a service that people reach by https, with the files that they name."""
    access, secret = folder / "access.yaml", folder / "client.secret"
    access.write_text(given.pop("access", ACCESS), encoding="utf-8")
    secret.touch(mode=0o600)
    secret.write_text(f"{SECRET}\n", encoding="utf-8")
    usual = {
        "oidc_issuer": issuer.address,
        "oidc_client_id": CLIENT,
        "oidc_client_secret_file": secret,
        "token_audience": AUDIENCE,
        "access_file": access,
        "public_url": PUBLIC,
        "session_key_file": folder / "session.key",
    }
    return make_settings(**(usual | given))


def open_browser(
    settings: Settings, watch: Watch, store: Store | None = None, base_url: str = PUBLIC
) -> TestClient:
    """Return a browser that looks at a server of its own."""
    app = FastAPI()
    install_handlers(app)
    install_page_errors(app)
    app.include_router(api_router)
    app.include_router(page_router)

    @app.get("/who")
    def describe(request: Request) -> dict[str, Any]:
        """Return everything that is known of who asks."""
        person = need_person(request)
        areas, scopes = person.areas, person.scopes
        return vars(person) | {
            "areas": None if areas is None else sorted(areas),
            "scopes": None if scopes is None else sorted(scopes),
        }

    @app.post("/act")
    def act(request: Request) -> str:
        """Change something."""
        return need_person(request).name

    unit = None if store is None else store.read_unit()
    app.state.service = Service(settings, store, unit, Champion(None, None))
    entrance = open_entrance(settings, store, clock=watch)
    app.add_middleware(SignIn, settings=settings, entrance=entrance)
    app.add_middleware(SecurityHeaders)
    return TestClient(app, base_url=base_url, follow_redirects=False)
