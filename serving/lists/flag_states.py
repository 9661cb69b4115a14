"""What became of the flags of listed cases since the list was made: seen by duty, dealt with."""

from collections.abc import Sequence
from typing import Final, Literal

from sqlalchemy import Connection

from serving.flags.flags import standing_flags

State = Literal["unseen", "standing"]
UNSEEN: Final = "unseen"
STANDING: Final = "standing"


def read_flag_states(
    connection: Connection, case_keys: Sequence[str]
) -> dict[str, dict[str, State]]:
    """Return for each case the flags that stand, and whether duty has yet to see one.

    A flag of the list that is not named here was dealt with since.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    case_keys
        The cases.

    Returns
    -------
    dict
        By case and flag: ``unseen`` where it is urgent and nobody on duty has acknowledged one of
        its records, ``standing`` otherwise.
    """
    found = standing_flags(connection, list(case_keys))
    return {
        key: {flag.flag: UNSEEN if flag.is_unseen else STANDING for flag in flags}
        for key, flags in found.items()
    }
