"""What the example unit's people write: plain, general, and true of any case."""

from typing import Final

ENFORCEMENT: Final = (
    "The officer in the case is told today and looks at the breach.",
    "Statements and messages are gathered in one file.",
    "The officer in the case is asked what has been done so far.",
)
SAFETY: Final = (
    "The advocate goes through the safety plan with the victim again.",
    "The victim is told whom to call, at night as well.",
    "The advocate asks what has changed since the last talk.",
)
AGENCIES: Final = ("Children's services", "The housing office", "The school's safeguarding lead")
ENQUIRY: Final = (
    "Put the questions that nobody has asked yet.",
    "Ask the neighbouring force whether it knows of earlier reports.",
    "Have the telephone and the accounts looked at by the technical unit.",
)
ASSESSMENT: Final = ("A first talk is offered.", "Two clinicians offer a first talk.")
CLOSING: Final = (
    "Nothing new for weeks, and the victim knows how to reach us. A new record brings it back.",
    "The victim was called and asks for no more now. A new record brings it back.",
)
NOTES: Final = (
    "Gone through together; all agencies at the table.",
    "To be told to the neighbourhood team today.",
    "The next step is agreed with the advocate.",
)
DISAGREEMENT: Final = (
    "The score knows nothing of what the advocate heard this week; I would look sooner.",
    "Most of this is a year old and was dealt with then.",
)
REASON_DOUBTED: Final = (
    "Two of these records tell of one evening; I count it once.",
    "This was the other party's doing as I read it.",
)
AGREED: Final = ("We agree, and tell the victim today.", "Agreed. We have nothing to add.")
DISSENT: Final = (
    "We do not agree. The victim is more frightened than the file says, and we would not wait "
    "until the review."
)
ON_DUTY: Final = ("Seen; the officer in the case is told", "Seen; the victim was called")
SEEN_LATE: Final = "Seen late: two calls came in at the same time"
SEALED: Final = "Somebody named in the case works for one of the agencies."
DOUBTED: Final = "The victim says that this is dated a week too late."
DOUBT_ANSWERED: Final = "Looked up in the log: the date is as recorded."
FLAG_DEALT_WITH: Final = (
    "The urgent flag was gone through with the duty officer; this deals with it."
)
"""Beside a decision that discharges an urgent flag, where nothing else was noted."""
CONFIRMED: Final = "I read the case and the records behind the flag, and agree."
"""Why a second person confirms a decision."""
