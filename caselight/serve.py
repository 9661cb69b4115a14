"""``caselight serve``: the pages and the API, on this machine only."""

import socket
from pathlib import Path
from typing import Annotated

import typer

from features.errors import ConfigError

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
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 8000,
) -> None:
    """Serve the list, the cases, the decisions and the API on 127.0.0.1."""
    check_port(port)
    serve_pages(port, database_url=store, models_dir=models, bundle=bundle, now=now)


def check_port(port: int) -> None:
    """Refuse a port that is taken, before anything slow is done.

    Raises
    ------
    ConfigError
        If something listens there already, or the port may not be used.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise ConfigError(
                f"port {port} is taken or not permitted; choose another, such as --port {port + 1} "
                f"(make run PORT={port + 1})"
            ) from None


def serve_pages(port: int, **given: object) -> None:
    """Serve until stopped; what is not given comes from the environment."""
    import uvicorn

    from serving.app import create_app
    from serving.settings import make_settings

    named = {name: value for name, value in given.items() if value is not None}
    app = create_app(make_settings(host=HOST, port=port, **named))
    print(f"Serving on http://{HOST}:{port} (press Ctrl+C to stop)", flush=True)
    uvicorn.run(app, host=HOST, port=port, access_log=False, log_level="warning")
