"""Entry point of ``caselight`` and ``python -m caselight``.

Libraries that take seconds to import are imported inside the verbs, so that ``--help`` answers at
once. A mistake of the user ends in one line and exit code 2; an internal error in one line, without
data, and exit code 1.
"""

import errno
import os
import sys
import traceback

import typer

from caselight.commands import (
    audit,
    card,
    check_catalogue,
    db,
    demo,
    erase,
    explain_indicator,
    features,
    figures,
    flags,
    import_,
    init,
    landmines,
    monotonicity,
    promote,
    replay,
    score,
    seal,
    serve,
    simulate,
    train,
    view,
    warm,
)
from features.errors import CaselightError

app = typer.Typer(
    name="caselight",
    help=(
        "Case histories in; an advisory, ranked screening list with reasons out. "
        "A score never decides: a named person does."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("simulate")(simulate.simulate)
app.command("init")(init.init)
app.command("import")(import_.import_)
app.command("features")(features.features)
app.command("train")(train.train)
app.command("figures")(figures.figures)
app.command("promote")(promote.promote)
app.command("rollback")(promote.rollback)
app.command("flags")(flags.flags)
app.command("score")(score.score)
app.command("card")(card.card)
app.command("seal")(seal.seal)
app.command("erase")(erase.erase)
app.command("view")(view.view)
app.command("replay")(replay.replay)
app.command("serve")(serve.serve)
app.add_typer(db.app, name="db")
app.add_typer(audit.app, name="audit")
app.command("check-catalogue")(check_catalogue.check_catalogue)
app.command("explain-indicator")(explain_indicator.explain_indicator)
app.command("landmines")(landmines.landmines)
app.command("monotonicity")(monotonicity.monotonicity)
app.command("warm")(warm.warm)
app.command("demo")(demo.demo)


def main() -> None:
    """Run the command line and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    try:
        return _call(arguments)
    except CaselightError as error:
        return _say(str(error), 2)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            return _say("the disk is full; free some space and run the same command again", 2)
        if error.errno == errno.EPIPE:
            return 0
        return _say(f"{error.strerror or 'a file could not be used'}; check path and rights", 2)
    except MemoryError:
        return _say("there is not enough memory; use fewer cases or a larger machine", 2)
    except KeyboardInterrupt:
        return _say("stopped", 130)
    except Exception as error:
        if _is_store_full(error):
            return _say(
                "the store has no room left; what was on record before is kept. Free some space "
                "and run the same command again: an import goes on where it ended",
                2,
            )
        if _is_store_away(error):
            return _say(
                "the store does not answer; check that its database runs and that no other "
                "program holds it, then run the same command again",
                2,
            )
        if os.environ.get("CASELIGHT_DEBUG"):
            raise
        # The message of an unforeseen error may hold data; its kind and our own lines do not.
        frames = traceback.extract_tb(error.__traceback__)
        place = next(
            (f"{f.name}:{f.lineno}" for f in reversed(frames) if "lib" not in f.filename), ""
        )
        return _say(
            f"internal error ({type(error).__name__} in {place}); "
            "run again with CASELIGHT_DEBUG=1 where no case data may leak",
            1,
        )


def _call(arguments: list[str]) -> int:
    command = typer.main.get_command(app)
    try:
        result = command.main(arguments, prog_name="caselight", standalone_mode=False)
    except Exception as error:
        shown = getattr(error, "format_message", None)
        if shown is None:
            if type(error).__name__ == "Abort":
                return _say("stopped", 130)
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            print(shown())
            return 2
        return _say(f"{' '.join(shown().split())} (see caselight --help)", 2)
    return result if isinstance(result, int) else 0


def _is_store_full(error: Exception) -> bool:
    """Return whether a verb failed since its database has no room left."""
    if "serving.store.engines" not in sys.modules:
        return False
    from serving.store.engines import is_full

    return is_full(error)


def _is_store_away(error: Exception) -> bool:
    """Return whether a verb failed for its database; nothing is imported that it did not use."""
    if "serving.store.engines" not in sys.modules:
        return False
    from serving.store.engines import is_away

    return is_away(error)


def _say(message: str, code: int) -> int:
    print(f"caselight: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
