"""``caselight serve``: the pages and the API, on this machine only."""

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.errors import ConfigError

if TYPE_CHECKING:
    from serving.settings import SettingValue

HOST = "127.0.0.1"


def serve(
    store: Annotated[
        str | None, typer.Option(help="The store: sqlite:///path or postgresql://...")
    ] = None,
    models: Annotated[Path | None, typer.Option(help="Folder of promoted bundles.")] = None,
    bundle: Annotated[Path | None, typer.Option(help="Folder of a bundle, instead.")] = None,
    now: Annotated[
        str | None, typer.Option(help="Moment at which a synthetic store lives.")
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(
            envvar="CASELIGHT_HOST", help="Where to listen; 127.0.0.1, unless people sign in."
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
) -> None:
    """Serve the list, cases, decisions and the API, on this machine unless set otherwise."""
    check_port(port, host or HOST)
    serve_pages(port, database_url=store, models_dir=models, bundle=bundle, now=now, host=host)


def check_port(port: int, host: str = HOST) -> None:
    """Refuse a port that is taken, before anything slow is done.

    Raises
    ------
    ConfigError
        If something listens there already, or the port may not be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            raise ConfigError(
                f"port {port} is taken or not permitted; choose another, such as --port {port + 1} "
                f"(make run PORT={port + 1})"
            ) from None


def serve_pages(port: int, **given: "SettingValue") -> None:
    """Serve until stopped; what is not given comes from the environment."""
    import uvicorn

    from serving.app import create_app
    from serving.settings import make_settings
    from serving.web.server import configure_server_log, name_options

    named = {name: value for name, value in given.items() if value is not None}
    settings = make_settings(**{"host": HOST, "port": port, **named})
    app = create_app(settings)
    configure_server_log()
    if app.state.service.store is None:
        print(
            "No store is named: no page shows a case and nobody can sign in. With a bundle, "
            "/v1/scores scores the histories that are sent to it. Name a store: --store",
            flush=True,
        )
    print(f"Serving on http://{settings.host}:{port} (press Ctrl+C to stop)", flush=True)
    uvicorn.run(app, **name_options(settings))
