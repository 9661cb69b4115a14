"""The choices of a run are read whole or not at all, and their mistakes come with lines."""

from pathlib import Path

import pytest

from features.errors import ConfigError
from training.config import DEFAULT_PATH, load_config, load_limits

TEXT = DEFAULT_PATH.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("version: 2", "version: 1", "line 4: version: files of version 2 are read here"),
        ("seed: 20180601", "seed: abc", "line 5: seed: write a whole number"),
        ("folds: 5", "flods: 5", "line 7: flods: unknown key; did you mean 'folds'?"),
        ("folds: 5", "training: 5", "line 7: training: unknown key"),
        ("tuning_minutes: 10", "tuning_minutes: .inf", "tuning_minutes: write a number"),
        ("tuning_minutes: 10", "tuning_minutes: inf", "tuning_minutes: write a finite number"),
        ("max_depth: 6", "max_depth: 7", "lightgbm: max_depth must be stated and from 1 to 6"),
        ("num_leaves: 24", "num_leaves: many", "lightgbm.num_leaves: write a number"),
        ("most_auc_loss: 0.02", "most_auc_loss: 2", "promotion.most_auc_loss: write a number of"),
        ("promotion:", "promotion:\n  primary_audit: []", "promotion.primary_audit: unknown key"),
    ],
)
def test_a_wrong_choice_is_told_with_its_line(tmp_path: Path, old: str, new: str, words: str):
    """Each mistake is named where it stands, whichever part of the file is asked for."""
    path = tmp_path / "config.yaml"
    path.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    for read in (load_config, load_limits):
        with pytest.raises(ConfigError) as caught:
            read(path)
        assert words in str(caught.value)


def test_all_wrong_choices_are_told_together(tmp_path: Path):
    """Nobody has to correct one mistake to be shown the next."""
    path = tmp_path / "config.yaml"
    path.write_text(TEXT.replace("folds: 5", "").replace("0.5 ", "5 "))
    with pytest.raises(ConfigError, match="3 problems"):
        load_config(path)


def test_numbers_stay_as_they_are_written():
    """A whole number stays whole and 10.0 stays 10.0, since a run's record holds them."""
    config = load_config()
    assert repr(config.lightgbm["num_leaves"]) == "24"
    assert repr(config.lightgbm["lambda_l2"]) == "10.0"
    assert repr(config.tuning_minutes) == "10"
