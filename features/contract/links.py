"""Links of the file system: what a folder is to hold must lie in it.

A folder comes from somebody else. A link in it could lead to any file that its reader may read, or
have a file written over that lies elsewhere.
"""

from pathlib import Path

from features.errors import DataContractError


def need_inside(folder: Path, path: Path) -> None:
    """Check that a file or folder lies in a folder, wherever links in it lead.

    Parameters
    ----------
    folder
        The folder; it may itself be reached by a link.
    path
        What lies in it by its name, whether it is there or not.

    Raises
    ------
    DataContractError
        If a link leads out of the folder, or round in a circle.
    """
    if leaves(folder, path):
        name = path.relative_to(folder).as_posix()
        raise DataContractError(
            f"{name} is a link that leads out of its folder; put the file itself there"
        )


def leaves(folder: Path, path: Path) -> bool:
    """Return whether a path in a folder leads out of it by a link; see :func:`need_inside`."""
    try:
        return not path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a circle of links leads nowhere
        return True
