"""What is asked once in a transaction, and never later than it."""

from serving.lists.sittings import current_sitting
from serving.store.database import Store
from serving.store.histories import read_head


def test_a_reading_transaction_asks_once_and_keeps_nothing_for_the_next(store: Store) -> None:
    """What one transaction has read is not told to another that sees a later state."""
    with store.reading() as connection:
        assert read_head(connection) == read_head(connection) == 0
        assert current_sitting(connection) is None
        with store.writing() as writing:
            writing.take_seq(3)
        assert read_head(connection) == 0
    with store.reading() as connection:
        assert read_head(connection) == 3


def test_a_writing_transaction_reads_anew(store: Store) -> None:
    """A transaction that may write sees at each question what it has written by then."""
    with store.writing() as writing:
        assert read_head(writing.connection) == 0
        writing.take_seq(2)
        assert read_head(writing.connection) == 2
