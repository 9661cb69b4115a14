"""The application: routes, middleware and error handlers, wired together."""

from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.middleware import Middleware
from starlette.staticfiles import StaticFiles

from serving import cases, listing, pages, scores
from serving.body_guard import BodyGuard
from serving.caseload import load_service
from serving.problems import FaultGuard, install_handlers
from serving.request_log import RequestLog, configure_log
from serving.schemas import HealthOut, ReadyOut
from serving.security import HostGuard, SecurityHeaders
from serving.settings import LOOPBACK_HOSTS, Settings, check_loopback

STATIC: Final = Path(__file__).with_name("static")
_DESCRIPTION: Final = (
    "Advisory: an order for specialist screening, with reasons that name the records behind them. "
    "A score opens, closes, downgrades or allocates nothing; a named person decides. "
    "Requests are not stored."
)


def create_app(settings: Settings) -> FastAPI:
    """Create the application and load what the settings name.

    Parameters
    ----------
    settings
        Deployment facts; the host must be loopback.

    Raises
    ------
    CaselightError
        If the host, the bundle or the data cannot be used.
    """
    check_loopback(settings.host)
    pages.check_assets(STATIC)
    configure_log()
    registry = CollectorRegistry()
    hosts = [*LOOPBACK_HOSTS, *settings.extra_hosts]
    app = FastAPI(
        title="Caselight",
        version="1",
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would repeat the address it was sent
        middleware=[
            Middleware(RequestLog, registry=registry),
            Middleware(SecurityHeaders),
            Middleware(HostGuard, hosts=hosts),
            Middleware(FaultGuard),
            Middleware(BodyGuard, max_bytes=settings.max_request_bytes),
        ],
    )
    app.state.service = load_service(settings)
    install_handlers(app)
    pages.install_page_errors(app)
    for router in (scores.router, listing.router, cases.router, pages.router):
        app.include_router(router)
    _add_probes(app, registry)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app


def _add_probes(app: FastAPI, registry: CollectorRegistry) -> None:
    @app.get("/healthz", tags=["probes"])
    def healthz() -> HealthOut:
        """Say that the process answers."""
        return HealthOut(status="ok")

    @app.get("/readyz", tags=["probes"], responses={503: {"model": ReadyOut}})
    def readyz(request: Request) -> JSONResponse:
        """Say whether a bundle and data are loaded, and which are not."""
        missing = list(request.app.state.service.missing)
        body = ReadyOut(ready=not missing, missing=missing)
        return JSONResponse(body.model_dump(), status_code=503 if missing else 200)

    @app.get("/metrics", include_in_schema=False)
    def metrics() -> Response:
        """Give counts and times by route template, for Prometheus."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
