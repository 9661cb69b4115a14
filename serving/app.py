"""The application: routes, middleware and error handlers, wired together."""

import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from fastapi import Depends, FastAPI
from prometheus_client import CollectorRegistry
from starlette.middleware import Middleware
from starlette.staticfiles import StaticFiles

from serving.access.overseers import check_overseers
from serving.flags.webhooks import check_webhooks
from serving.identity.issuer import Issuer
from serving.identity.sign_in_parts import Entrance, open_entrance
from serving.openapi import describe_security
from serving.pages.rendering import check_assets, install_page_errors
from serving.probes.probes import add_probes
from serving.probes.readiness import Readiness
from serving.probes.store_metrics import StoreFigures, WorkSeen
from serving.promotions.record import follow, read_steps
from serving.routes import ROUTERS
from serving.scoring.first_use import prepare
from serving.scoring.model_in_use import Approved, Champion
from serving.service import Service
from serving.settings import LOOPBACK_HOSTS, Settings, check_listening
from serving.store_opening import open_unit
from serving.web.allowed_methods import AllowHeader
from serving.web.body_guard import BodyGuard
from serving.web.concurrent_reads import SWITCH_SECONDS, ConcurrentReads
from serving.web.error_answers import FaultGuard, describe_errors, install_handlers
from serving.web.gate import pass_gate
from serving.web.head_answers import HeadAnswers
from serving.web.head_guard import HeadGuard
from serving.web.rate_limits import BusyGuard, RequestLimit, SignInLimit, read_allowances
from serving.web.request_log import RequestLog, configure_log
from serving.web.response_headers import HostGuard, SecurityHeaders
from serving.web.sign_in import SignIn, check_sign_in
from serving.worker.worker import Worker

_REFUSALS: Final = (401, 403, 404, 429)
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
    organisation, allowances = entrance.organisation, read_allowances(settings)
    is_https = organisation is not None and organisation.openid.public.is_https
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
            Middleware(HeadAnswers),
            Middleware(SecurityHeaders, is_https=is_https),
            Middleware(BusyGuard),
            Middleware(HeadGuard),
            Middleware(HostGuard, hosts=hosts),
            Middleware(FaultGuard),
            Middleware(SignInLimit, allowances=allowances),
            # Before the body is read: who may send a large one follows from who asks.
            Middleware(SignIn, settings=settings, entrance=entrance),
            Middleware(RequestLimit, allowances=allowances),
            Middleware(
                BodyGuard,
                max_bytes=settings.max_request_bytes,
                silence_seconds=settings.body_silence_seconds,
                seconds=settings.body_seconds,
                serves_anonymous=organisation is None,
            ),
            Middleware(ConcurrentReads),
            Middleware(AllowHeader),
        ],
    )
    app.state.service = service
    install_handlers(app)
    install_page_errors(app)
    for router in ROUTERS:
        # Left by the gate before the answer goes out: nothing is shown whose access was not logged.
        app.include_router(
            router,
            dependencies=[Depends(pass_gate, scope="function")],
            responses=describe_errors(*_REFUSALS),
        )
    _watch_over(app, registry, entrance)
    describe_security(app, entrance)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app


def open_service(settings: Settings) -> Service:
    """Open what the settings name.

    Raises
    ------
    CaselightError
        If something that is named cannot be used.
    """
    found = open_unit(settings)
    if found is None:
        return Service(settings, None, None, Champion(settings.models_dir, settings.bundle))
    store, unit = found
    check_sign_in(settings, unit)
    check_overseers(settings, synthetic=unit.synthetic)
    # What is wrong with them is told now, not when there is something to say.
    check_webhooks(settings)

    def read_record() -> Approved:
        with store.reading() as connection:
            return Approved(follow(read_steps(connection)).in_use, may_lack=unit.synthetic)

    champion = Champion(settings.models_dir, settings.bundle, read_record)
    champion.find()  # while the store is there to be asked
    return Service(settings, store, unit, champion)


class _WatchedWorker(Worker):
    """The store's own work, with when a round of it last ended."""

    last_round_s: float | None = None

    def _work(self) -> bool:
        more = super()._work()
        self.last_round_s = time.time()
        return more


@asynccontextmanager
async def _live(app: FastAPI) -> AsyncIterator[None]:
    """Work in the background while the service runs, and close the store at its end."""
    service: Service = app.state.service
    worker = (
        _WatchedWorker(service) if service.store is not None and service.settings.work else None
    )
    app.state.worker = worker
    sys.setswitchinterval(SWITCH_SECONDS)
    # Before anybody is listened to: the first requests come at once and on several threads.
    prepare(service.champion.find())
    if worker is not None:
        worker.start()
    yield
    if worker is not None:
        worker.stop()
    if service.store is not None:
        service.store.close()


def _watch_over(app: FastAPI, registry: CollectorRegistry, entrance: Entrance) -> None:
    """Add the probes, with what they ask of the application as it is when they are asked."""
    organisation = entrance.organisation

    def find_service() -> Service:
        service: Service = app.state.service
        return service

    def see_work() -> WorkSeen | None:
        worker: _WatchedWorker | None = getattr(app.state, "worker", None)
        return None if worker is None else WorkSeen(worker.is_working, worker.last_round_s)

    def is_working() -> bool:
        seen = see_work()
        return seen is None or seen.is_alive

    issuer = None if organisation is None else Issuer(organisation.openid.rules.issuer)
    registry.register(StoreFigures(find_service, see_work))
    add_probes(app, registry, Readiness(find_service, issuer=issuer, is_working=is_working))
