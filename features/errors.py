"""The one family of errors a user may meet.

Every message names the place and the remedy. None holds case data: no cell, no identifier, no
free text from a file or a request, because messages end in logs and on screens.
"""

from dataclasses import dataclass


class CaselightError(Exception):
    """A mistake that a user can correct; the command line prints one line and exits with 2."""


class DataContractError(CaselightError):
    """A contract folder, an export or a mapping file that cannot be read as a whole."""


class LeakageError(CaselightError):
    """A request that would let later knowledge into an earlier moment."""


class ArtefactError(CaselightError):
    """A bundle or another file of ours that is missing, changed or of an unknown format."""


class ConfigError(CaselightError):
    """A setting or an argument that cannot be used."""


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in a YAML file.

    Parameters
    ----------
    line
        Line in the file, counted from 1; 0 where the file as a whole is meant.
    place
        Dotted path of the entry, such as ``indicators[3].within``.
    message
        What is wrong and how to correct it.
    """

    line: int
    place: str
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.place}: {self.message}"


class CatalogueError(CaselightError):
    """A catalogue that does not pass its check; holds every problem found.

    Parameters
    ----------
    name
        The file's name, without its folder.
    problems
        All problems, in line order.
    """

    def __init__(self, name: str, problems: tuple[Problem, ...]) -> None:
        self.name = name
        self.problems = tuple(sorted(problems))
        noun = "problem" if len(self.problems) == 1 else "problems"
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"{name}: {len(self.problems)} {noun}\n{lines}")
