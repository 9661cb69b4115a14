"""``caselight view``: the list and the cases of a contract folder, to look at without a store."""

from pathlib import Path
from typing import Annotated

import typer

from caselight.commands.serve import HOST, check_port
from features.errors import ConfigError

MOST_WORDS_LENGTH = 300


def view(
    bundle: Annotated[Path, typer.Argument(help="Folder of a bundle.")],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Contract folder.")],
    as_of: Annotated[str, typer.Option(help="DATE; 00:00 in the folder's time zone.")],
    name: Annotated[str, typer.Option(help="Who looks.")],
    purpose: Annotated[str, typer.Option(help="What for, such as the audit that it is part of.")],
    top: Annotated[int, typer.Option(min=1, max=200, help="How many to list.")] = 30,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8100,
) -> None:
    """Show the list and the cases of a contract folder on this machine; nothing is changed."""
    import uvicorn

    from serving.clock import read_clock
    from serving.folder_view.access_file import AccessFile, Viewer
    from serving.folder_view.application import create_viewing
    from serving.folder_view.entry_token import Door, make_token
    from serving.folder_view.viewed_folder import open_folder
    from serving.web.server import configure_server_log

    if not directory.is_dir():
        raise ConfigError("there is no contract folder there; make one with `caselight import`")
    viewer = Viewer(_read_words(name, "--name"), _read_words(purpose, "--purpose"))
    check_port(port)
    # Before anything is read: where nobody can be written down nothing is looked at.
    access = AccessFile(directory, viewer, read_clock)
    begun = access.add("begun")
    viewed = open_folder(bundle, directory, as_of, top)
    door = Door(make_token())
    app = create_viewing(viewed, access, door)
    configure_server_log()
    kind = "invented cases" if viewed.synthetic else "real case histories"
    print(f"{kind.capitalize()} of {viewed.name}, {viewed.n_ranked:,} open cases.")
    print(f"{access.path.name}: line {begun.lines:,}, {begun.digest[:16]}")
    print(f"Open http://{HOST}:{port} and type this token, once: {door.token}")
    print("Press Ctrl+C to stop.", flush=True)
    uvicorn.run(
        app,
        host=HOST,
        port=port,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        ws="none",
    )
    ended = access.add("ended")
    print(f"{access.path.name}: line {ended.lines:,}, {ended.digest[:16]}")


def _read_words(text: str, option: str) -> str:
    words = " ".join(text.split())
    if not words or len(words) > MOST_WORDS_LENGTH:
        raise ConfigError(f"{option} takes 1 to {MOST_WORDS_LENGTH} characters")
    return words
