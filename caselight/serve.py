"""``caselight serve``: the pages and the API, on this machine only."""

import socket
from pathlib import Path
from typing import Annotated

import typer

from features.errors import ConfigError

HOST = "127.0.0.1"


def serve(
    bundle: Annotated[Path | None, typer.Option(help="Folder of a bundle.")] = None,
    data: Annotated[Path | None, typer.Option(help="Contract folder to list and show.")] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 8000,
) -> None:
    """Serve the list, the cases and POST /v1/scores on 127.0.0.1, read-only."""
    check_port(port)
    serve_pages(bundle, data, port)


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


def serve_pages(bundle: Path | None, data: Path | None, port: int) -> None:
    """Serve until stopped."""
    import uvicorn

    from serving.app import create_app
    from serving.settings import make_settings

    given = {"bundle": bundle, "data": data}
    settings = make_settings(
        host=HOST, port=port, **{name: path for name, path in given.items() if path is not None}
    )
    app = create_app(settings)
    print(f"Serving on http://{HOST}:{port} (press Ctrl+C to stop)", flush=True)
    uvicorn.run(app, host=HOST, port=port, access_log=False, log_level="warning")
