"""The application: routes, middleware and error handlers, wired together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.middleware import Middleware
from starlette.staticfiles import StaticFiles

from serving.body_guard import BodyGuard
from serving.opening import open_unit
from serving.pages.rendering import check_assets, install_page_errors
from serving.problems import ErrorResponse, FaultGuard, install_handlers
from serving.request_log import RequestLog, configure_log
from serving.rights.gate import pass_gate
from serving.routes import ROUTERS
from serving.schemas import HealthOut, ReadyOut
from serving.screening.champion import Champion
from serving.screening.deliveries import read_webhooks
from serving.screening.worker import Worker
from serving.security import HostGuard, SecurityHeaders
from serving.service import Service, service_of
from serving.settings import LOOPBACK_HOSTS, Settings, check_listening
from serving.sign_in import SignIn, check_sign_in
from serving.signing_in.opening import open_entrance

STATIC: Final = Path(__file__).with_name("static")
_DESCRIPTION: Final = (
    "Advisory: an order for specialist screening, with reasons that name the records behind them. "
    "A score opens, closes, downgrades or allocates nothing; a named person decides. "
    "What is sent to /v1/scores is not stored."
)


def create_app(settings: Settings) -> FastAPI:
    """Create the application and open what the settings name.

    Parameters
    ----------
    settings
        Deployment facts; the host must be loopback, unless people sign in through a provider.

    Raises
    ------
    CaselightError
        If the host, the sign-in, the bundle or the store cannot be used.
    """
    check_listening(settings)
    check_assets(STATIC)
    configure_log()
    service = open_service(settings)
    registry = CollectorRegistry()
    entrance = open_entrance(settings, service.store)
    hosts = [*LOOPBACK_HOSTS, *settings.extra_hosts, *entrance.hosts]
    app = FastAPI(
        title="Caselight",
        version="1",
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would repeat the address it was sent
        lifespan=_live,
        middleware=[
            Middleware(RequestLog, registry=registry),
            Middleware(SecurityHeaders),
            Middleware(HostGuard, hosts=hosts),
            Middleware(FaultGuard),
            Middleware(BodyGuard, max_bytes=settings.max_request_bytes),
            Middleware(SignIn, settings=settings, entrance=entrance),
        ],
    )
    app.state.service = service
    install_handlers(app)
    install_page_errors(app)
    for router in ROUTERS:
        # Left by the gate before the answer goes out, so that no look is shown that was not logged.
        app.include_router(
            router,
            dependencies=[Depends(pass_gate, scope="function")],
            responses={status: {"model": ErrorResponse} for status in (401, 403, 404)},
        )
    _add_probes(app, registry)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app


def open_service(settings: Settings) -> Service:
    """Open what the settings name.

    Raises
    ------
    CaselightError
        If something that is named cannot be used.
    """
    champion = Champion(settings.models_dir, settings.bundle)
    found = open_unit(settings)
    if found is None:
        return Service(settings, None, None, champion)
    store, unit = found
    check_sign_in(settings, unit)
    read_webhooks(settings)  # what is wrong with it is told now, not when a flag is raised
    return Service(settings, store, unit, champion)


@asynccontextmanager
async def _live(app: FastAPI) -> AsyncIterator[None]:
    """Work in the background while the service runs, and close the store at its end."""
    service: Service = app.state.service
    worker = Worker(service) if service.store is not None and service.settings.work else None
    if worker is not None:
        worker.start()
    yield
    if worker is not None:
        worker.stop()
    if service.store is not None:
        service.store.close()


def _add_probes(app: FastAPI, registry: CollectorRegistry) -> None:
    @app.get("/healthz", tags=["probes"])
    def healthz() -> HealthOut:
        """Say that the process answers."""
        return HealthOut(status="ok")

    @app.get("/readyz", tags=["probes"], responses={503: {"model": ReadyOut}})
    def readyz(request: Request) -> JSONResponse:
        """Say whether a bundle and a store are there, and which are not."""
        missing = list(service_of(request).missing)
        body = ReadyOut(ready=not missing, missing=missing)
        return JSONResponse(body.model_dump(), status_code=503 if missing else 200)

    @app.get("/metrics", include_in_schema=False)
    def metrics() -> Response:
        """Give counts and times by route template, for Prometheus."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
