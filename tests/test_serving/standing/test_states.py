import pytest

from serving.standing.states import (
    CaseFacts,
    CaseState,
    LatestDecision,
    NewRecord,
    Raising,
    Turn,
    decide_state,
    is_shut,
)

ARRIVED, DECIDED, NOW = 100, 500, 1_000
"""Moments in which everything here is told; places in the order of rows are a tenth of them."""

OPENED = Turn("opened", 11, 110)
CLOSED = Turn("closed", 30, 300)
IMPORTED = Turn("closed", 30, 300, import_key="one")
CLOSED_BY_DECISION = Turn("closed", 52, DECIDED)
REOPENED = Turn("reopened", 60, 600)
MERGED = Turn("merged", 30, 300)

MANAGES = LatestDecision(1, 48, 50, DECIDED, "duty", "2026-04-01", 2_000)
IS_DUE = LatestDecision(1, 48, 50, DECIDED, "duty", "2026-02-01", 900)
WITHOUT_DATE = LatestDecision(1, 48, 50, DECIDED, "duty")
CLOSES = LatestDecision(1, 48, 50, DECIDED)

SEEN = Raising("weapon", urgent=True, raised_seq=41, raised_at_us=410, record_seq=40)
NEW = Raising("weapon", urgent=True, raised_seq=71, raised_at_us=710, record_seq=70)
REVIEW_LATE = Raising("breaches", urgent=False, raised_seq=71, raised_at_us=710, record_seq=40)
URGENT_LATE = Raising("release", urgent=True, raised_seq=71, raised_at_us=710, record_seq=40)

AWAITING = CaseState("awaiting", ARRIVED, ARRIVED)
MANAGED = CaseState("managed", DECIDED)


def returned(since: int, why: str) -> CaseState:
    return CaseState("returned", since, since, why)  # type: ignore[arg-type]


TABLE = [
    # turn, decision, raisings, records, what follows
    ("new", None, None, (), (), AWAITING),
    ("opened by a record", OPENED, None, (), (), AWAITING),
    ("new and flagged", None, None, (NEW,), (), AWAITING),
    ("reopened and never decided", REOPENED, None, (), (), AWAITING),
    ("managed", None, MANAGES, (), (), MANAGED),
    ("managed, opened again by it", Turn("reopened", 52, DECIDED), MANAGES, (), (), MANAGED),
    ("managed after it was closed", CLOSED, MANAGES, (), (), MANAGED),
    ("managed, a flag seen", None, MANAGES, (SEEN,), (), MANAGED),
    ("managed, a review flag of old", None, MANAGES, (REVIEW_LATE,), (), MANAGED),
    ("managed, an urgent flag newly", None, MANAGES, (URGENT_LATE,), (), returned(710, "flag")),
    ("managed, a flag by a new record", None, MANAGES, (SEEN, NEW), (), returned(710, "flag")),
    ("review due", None, IS_DUE, (), (), returned(900, "review_due")),
    ("flag before review", None, IS_DUE, (NEW,), (), returned(710, "flag")),
    ("no date is due at once", None, WITHOUT_DATE, (), (), returned(DECIDED, "review_due")),
    ("closed by a record", CLOSED, None, (), (), CaseState("closed", 300)),
    ("closed, older record", CLOSED, None, (), (NewRecord(29, 290),), CaseState("closed", 300)),
    ("closed, newer record", CLOSED, None, (), (NewRecord(31, 800),), returned(800, "new_record")),
    (
        "a record that comes late waits from the closing on",
        CLOSED,
        None,
        (),
        (NewRecord(31, 200),),
        returned(300, "new_record"),
    ),
    (
        "one import in any order: the record is older",
        IMPORTED,
        None,
        (),
        (NewRecord(31, 290, "one"),),
        CaseState("closed", 300),
    ),
    (
        "one import in any order: the record is newer",
        IMPORTED,
        None,
        (),
        (NewRecord(29, 310, "one"),),
        returned(310, "new_record"),
    ),
    (
        "one import in any order: the record is of the same moment",
        IMPORTED,
        None,
        (),
        (NewRecord(29, 300, "one"),),
        returned(300, "new_record"),
    ),
    (
        "another import brings an older record later",
        IMPORTED,
        None,
        (),
        (NewRecord(31, 290, "two"),),
        returned(300, "new_record"),
    ),
    ("closed by decision", CLOSED_BY_DECISION, CLOSES, (), (), CaseState("closed", DECIDED)),
    ("closed by decision alone", None, CLOSES, (), (), CaseState("closed", DECIDED)),
    (
        "a record that came while it was decided",
        CLOSED_BY_DECISION,
        CLOSES,
        (),
        (NewRecord(49, 490),),
        returned(DECIDED, "new_record"),
    ),
    (
        "a record that the decision had seen",
        CLOSED_BY_DECISION,
        CLOSES,
        (),
        (NewRecord(48, 480),),
        CaseState("closed", DECIDED),
    ),
    (
        "a flag that the decision had not seen",
        CLOSED_BY_DECISION,
        CLOSES,
        (NEW,),
        (),
        returned(710, "flag"),
    ),
    ("decided, then reopened", REOPENED, CLOSES, (), (), returned(600, "new_record")),
    (
        "decided, then closed by a record",
        Turn("closed", 70, 700),
        MANAGES,
        (),
        (),
        MANAGED,
    ),
    (
        "closed by decision, then by a record",
        Turn("closed", 70, 700, "two"),
        CLOSES,
        (),
        (NewRecord(70, 700, "two"),),
        returned(700, "new_record"),
    ),
    ("closed by a record while a flag stands", CLOSED, None, (SEEN,), (), returned(410, "flag")),
    (
        "closed by a record, flagged later",
        CLOSED,
        None,
        (REVIEW_LATE,),
        (),
        returned(710, "flag"),
    ),
    (
        "closed by decision, an older flag that it left",
        CLOSED_BY_DECISION,
        CLOSES,
        (SEEN,),
        (),
        CaseState("closed", DECIDED),
    ),
    (
        "closed by decision between storing and scoring",
        CLOSED_BY_DECISION,
        CLOSES,
        (REVIEW_LATE,),
        (),
        returned(710, "flag"),
    ),
    ("merged for good", MERGED, None, (NEW,), (NewRecord(70, 700),), CaseState("closed", 300)),
    ("merged after a decision", MERGED, MANAGES, (NEW,), (), CaseState("closed", 300)),
]


@pytest.mark.parametrize(
    ("turn", "decision", "raisings", "records", "expected"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_the_state_follows_from_what_is_on_record(
    turn: Turn | None,
    decision: LatestDecision | None,
    raisings: tuple[Raising, ...],
    records: tuple[NewRecord, ...],
    expected: CaseState,
) -> None:
    """Each case of design section 9 stands where the table says, and waits since then."""
    facts = CaseFacts(ARRIVED, turn, decision, raisings, records)
    assert decide_state(facts, NOW) == expected


def test_a_review_is_due_with_its_first_microsecond() -> None:
    """A managed case returns at the moment its review date begins, not before."""
    facts = CaseFacts(ARRIVED, decision=IS_DUE)
    assert decide_state(facts, 899).state == "managed"
    assert decide_state(facts, 900) == returned(900, "review_due")


@pytest.mark.parametrize(
    ("decision", "seq", "expected"),
    [
        (MANAGES, 60, returned(600, "new_record")),
        (CLOSES, 60, returned(600, "new_record")),
        (MANAGES, 49, returned(DECIDED, "new_record")),
        (MANAGES, 48, MANAGED),
        (None, 60, AWAITING),
    ],
)
def test_a_case_that_took_another_in_is_looked_at_again(
    decision: LatestDecision | None, seq: int, expected: CaseState
) -> None:
    """A merge that the latest decision had not seen returns the case, until it is decided on."""
    facts = CaseFacts(ARRIVED, decision=decision, taken_in=NewRecord(seq, seq * 10))
    assert decide_state(facts, NOW) == expected


def test_only_cases_that_were_closed_need_their_records() -> None:
    """Whether a case was closed is decided without looking at its records."""
    assert is_shut(CaseFacts(ARRIVED, CLOSED))
    assert is_shut(CaseFacts(ARRIVED, decision=CLOSES))
    assert not is_shut(CaseFacts(ARRIVED, CLOSED, MANAGES))
    assert not is_shut(CaseFacts(ARRIVED, Turn("closed", 70, 700), MANAGES))
    assert not is_shut(CaseFacts(ARRIVED, REOPENED, CLOSES))
