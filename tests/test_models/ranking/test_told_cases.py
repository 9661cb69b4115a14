"""Twenty simulated cases told in full, held to a file that people read."""

import re

from features.history.assembly import assemble_history
from features.intake.contract_folder import read_folder
from models.bundle.folder import load_bundle
from tests.test_models.ranking.told_cases import GOLDEN, tell_cases


def test_twenty_cases_are_told_as_they_were_read(small_unit):
    """Written again from the same unit nothing has changed (renew with ``python -m``)."""
    history = assemble_history(read_folder(small_unit.folder))
    assert tell_cases(load_bundle(small_unit.bundle), history) == GOLDEN.read_text("utf-8")


def test_no_sentence_of_them_holds_what_a_reader_must_translate():
    """No log-odds, no zero, no negated risk told as protection, no code of ours."""
    told = GOLDEN.read_text("utf-8")
    assert told.count("## ") == 20
    found = re.findall(r"halved|log.odds|\b0 \w+|: 0\.|_[a-z]|None|nan", told)
    assert found == []
