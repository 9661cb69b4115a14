"""What the processes of a run of the tests make once for all of them."""

import threading
from pathlib import Path

import pytest

from tests.run_folder import locked, make_once


def test_what_is_made_once_is_made_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whoever asks again gets the folder that was filled, and nothing is made a second time."""
    asked: list[Path] = []
    first, second = (make_once(tmp_path_factory, "made once", asked.append) for _ in range(2))
    assert first == second
    assert asked == [first]


def test_what_failed_is_made_anew(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A maker that failed half-way leaves nothing: the next begins with an empty folder."""

    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError

    with pytest.raises(OSError):
        make_once(tmp_path_factory, "made anew", fail)
    made = make_once(tmp_path_factory, "made anew", lambda folder: (folder / "whole").touch())
    assert [file.name for file in made.iterdir()] == ["whole"]


def test_one_holds_a_lock_at_a_time(tmp_path: Path) -> None:
    """Who asks for a lock that another holds goes on when the other lets go of it."""
    order: list[str] = []

    def wait() -> None:
        with locked(tmp_path / "lock"):
            order.append("second")

    with locked(tmp_path / "lock"):
        waiting = threading.Thread(target=wait)
        waiting.start()
        waiting.join(0.05)
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]
