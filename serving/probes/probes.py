"""Whether the service is well: for those who run it, without anything of a case."""

from dataclasses import asdict

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from serving.access.route_rules import RouteRule
from serving.identity.addresses import is_loopback
from serving.identity.sign_in_parts import Entrance
from serving.persons import need_person
from serving.probes.readiness import Readiness
from serving.schemas import HealthOut, ReadyOut
from serving.web.gate import check_rule
from serving.web.sign_in import is_local

_METRICS = RouteRule((), "metrics:read")


def add_probes(app: FastAPI, registry: CollectorRegistry, readiness: Readiness) -> None:
    """Add the probes to an application.

    Parameters
    ----------
    app
        The application.
    registry
        What ``/metrics`` gives.
    readiness
        What ``/readyz`` asks.
    """

    @app.get("/healthz", tags=["probes"])
    def healthz() -> HealthOut:
        """Say that the process answers."""
        return HealthOut(status="ok")

    @app.get("/readyz", tags=["probes"], responses={503: {"model": ReadyOut}})
    def readyz() -> JSONResponse:
        """Say whether everything is there to do the work, and what is not, by name alone."""
        missing = tuple(readiness.find_missing())
        body = ReadyOut(ready=not missing, missing=missing)
        return JSONResponse(asdict(body), status_code=503 if missing else 200)

    @app.get("/metrics", include_in_schema=False)
    def metrics(request: Request) -> Response:
        """Give counts and times for Prometheus: to this machine, or to a token that may."""
        check_reader(request)
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def check_reader(request: Request) -> None:
    """Check that a request for the metrics comes from this machine, or that its token may.

    Where people sign in through a provider only a token opens them: another server may stand in
    front on this machine, and then every request comes from this machine, under whatever name the
    caller chose.

    Raises
    ------
    ServiceError
        If nobody is signed in (401), or a person or another token asks (403).
    """
    client = request.client
    entrance: Entrance = request.state.entrance
    stands_alone = entrance.organisation is None
    is_here = client is not None and is_loopback(client.host) and is_local(request.headers)
    if stands_alone and is_here:
        return
    check_rule(need_person(request), _METRICS)
