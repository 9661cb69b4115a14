"""Every table of the store.

Moments are microseconds UTC: the contract's columns under the contract's names, the store's own
ending in ``_us``. ``stored_seq`` is the order in which rows were committed: a row with a lower one
was there before. Cases go by ``case_key``, which says nothing of the case and can be parted from
its identifier by erasing one row.

Tables named in ``APPEND_ONLY`` refuse update and delete in the database itself; rows of a case
whose disposal is on record may be deleted. ``WORKED_OUT`` names what can be made again from the
others.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import JSON

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

KEY_LENGTH: Final = 24
_Key = String(KEY_LENGTH)


def _case() -> "Column[str]":
    return Column("case_key", _Key, nullable=False)


def _stored(*, index: bool = False) -> "Column[int]":
    return Column("stored_seq", BigInteger, nullable=False, index=index)


def _person() -> "list[Column[str]]":
    """Who did it: the person, by what the sign-in knows them, and their role and agency then."""
    names = ("person", "subject", "role", "agency")
    return [Column(name, Text, nullable=False) for name in names]


def _moment(name: str, *, nullable: bool = False) -> "Column[int]":
    return Column(name, BigInteger, nullable=nullable)


unit = Table(
    "unit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("time_zone", Text, nullable=False),
    Column("synthetic", Boolean, nullable=False),
    _moment("made_at_us"),
    Column("last_seq", BigInteger, nullable=False),
    Column("synthetic_mark", String(64)),
)
"""One row: what holds for the whole store, and the head of the order of rows.

``synthetic`` holds where ``synthetic_mark`` fits: :mod:`serving.store.demonstration`."""

case_keys = Table(
    "case_keys",
    metadata,
    Column("case_key", _Key, primary_key=True),
    Column("case_id", Text, index=True),
    Column("retention_class", Text, nullable=False),
    _stored(index=True),
    _moment("erased_at_us", nullable=True),
)
"""Which case a key stands for; ``case_id`` is empty once that was erased.

Several keys may have one ``case_id``: a case that is sent under the number of a sealed one by
somebody whom the seal does not name is another case, so that no answer tells of the sealed one."""

# --- records, as the data contract has them ---------------------------------------------------

cases = Table(
    "cases",
    metadata,
    Column("case_key", _Key, primary_key=True),
    _moment("recorded_at"),
    Column("area", Text),
    Column("referral_source", Text),
    Column("import_key", _Key),
    _stored(index=True),
    sqlite_with_rowid=False,
)
events = Table(
    "events",
    metadata,
    Column("case_key", _Key, primary_key=True),
    Column("event_id", Text, primary_key=True, index=True),
    Column("kind", Text, nullable=False),
    _moment("occurred_at"),
    _moment("recorded_at"),
    _moment("occurred_until", nullable=True),
    *(
        Column(name, Text)
        for name in ("incident_id", "view", "source", "reporter_role", "assurance", "actor")
    ),
    *(Column(name, Text) for name in ("target", "channel")),
    Column("value", Float),
    *(Column(name, Text) for name in ("detail", "handling", "supersedes", "narrative")),
    Column("import_key", _Key),
    _stored(index=True),
    # Corrections alone, which are few: those that wait for the record that they name.
    Index(
        "ix_events_case_key_supersedes",
        "case_key",
        "supersedes",
        sqlite_where=text("supersedes IS NOT NULL"),
        postgresql_where=text("supersedes IS NOT NULL"),
    ),
    # For a search among all cases alone, which says so by the same condition: every other query of
    # events is of some cases, and the rows of a case are fewer than those of a kind.
    Index(
        "ix_events_kind_occurred_at",
        "kind",
        "occurred_at",
        sqlite_where=text("stored_seq > 0"),
        postgresql_where=text("stored_seq > 0"),
    ),
    # Kept in the order of its key: the rows of a case, which are read together, lie together.
    sqlite_with_rowid=False,
)
facts = Table(
    "facts",
    metadata,
    Column("case_key", _Key, primary_key=True),
    Column("fact_id", Text, primary_key=True, index=True),
    Column("name", Text, nullable=False),
    Column("asked", Text),
    Column("value", Text),
    _moment("recorded_at"),
    Column("supersedes", Text),
    Column("import_key", _Key),
    _stored(index=True),
    sqlite_with_rowid=False,
)
links = Table(
    "links",
    metadata,
    Column("case_key", _Key, primary_key=True),
    Column("link_id", Text, primary_key=True, index=True),
    Column("linked_case_key", _Key, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    _moment("recorded_at"),
    _moment("ended_at", nullable=True),
    Column("supersedes", Text),
    Column("import_key", _Key),
    _stored(index=True),
    sqlite_with_rowid=False,
)
people = Table(
    "people",
    metadata,
    Column("case_key", _Key, primary_key=True),
    Column("person_id", Text, primary_key=True),
    Column("characteristic", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("value", Text),
    Column("import_key", _Key),
    _stored(index=True),
    sqlite_with_rowid=False,
)
"""For the audit alone: read by the export when it is asked for, and by nothing else."""

imports = Table(
    "imports",
    metadata,
    Column("import_key", _Key, primary_key=True),
    Column("source_digest", Text, nullable=False),
    *_person(),
    _moment("begun_at_us"),
    _moment("ended_at_us", nullable=True),
    Column("rows_total", BigInteger),
    Column("rows_done", BigInteger, nullable=False),
    Column("added", BigInteger, nullable=False),
    Column("repeats", BigInteger, nullable=False),
    Column("conflicts", BigInteger, nullable=False),
    Column("rejects", BigInteger, nullable=False),
    Column("position", JSON, nullable=False),
)
"""How far each import is: ``position`` is where it resumes after a break."""

import_rejects = Table(
    "import_rejects",
    metadata,
    Column("import_key", _Key, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("place", Text, nullable=False),
    Column("row", BigInteger, nullable=False),
    Column("table", Text, nullable=False),
    Column("column", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("remedy", Text, nullable=False),
    Column("source", JSON, nullable=False),
    Column("case_key", _Key),
    _stored(index=True),
)
"""Rows that could not be used, with what they held: kept, never lost."""

case_moves = Table(
    "case_moves",
    metadata,
    Column("move_key", _Key, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("case_key", _Key, nullable=False, index=True),
    Column("other_case_key", _Key, index=True),
    Column("area", Text),
    Column("why", Text),
    *_person(),
    _moment("moved_at_us"),
    _stored(),
)
"""Merges, splits and transfers, by a named person."""

# --- scores and flags -------------------------------------------------------------------------

scores = Table(
    "scores",
    metadata,
    Column("score_key", _Key, primary_key=True),
    _case(),
    _moment("as_of_us"),
    Column("known_seq", BigInteger, nullable=False),
    Column("occasion", Text, nullable=False),
    Column("bundle_id", Text, nullable=False),
    Column("catalogue_digest", Text, nullable=False),
    Column("engine_version", Text, nullable=False),
    Column("priority", Float, nullable=False),
    Column("priority_as_recorded", Float, nullable=False),
    Column("leading_outcome", Text, nullable=False),
    Column("log_odds", JSON, nullable=False),
    _stored(index=True),
    Index("ix_scores_case_key_stored_seq", "case_key", "stored_seq"),
)
"""Every score ever given. It rests on the case's rows with ``stored_seq <= known_seq``, read at
``as_of_us``: that is what a replay reads."""

flag_raisings = Table(
    "flag_raisings",
    metadata,
    Column("raising_key", _Key, primary_key=True),
    _case(),
    Column("flag", Text, nullable=False),
    Column("urgent", Boolean, nullable=False),
    Column("record_id", Text, nullable=False),
    _moment("raised_at_us"),
    Column("due_at_us", BigInteger, index=True),
    Column("score_key", _Key),
    _stored(index=True),
    UniqueConstraint("case_key", "flag", "record_id"),
)
"""One row per flag and record: a flag stands while one of its records is not discharged."""

acknowledgements = Table(
    "acknowledgements",
    metadata,
    Column("raising_key", _Key, ForeignKey("flag_raisings.raising_key"), primary_key=True),
    *_person(),
    _moment("acknowledged_at_us"),
    Column("note", Text),
    _stored(index=True),
    # Later columns come last, so that no digest of a row from before changes.
    *(Column(name, Text) for name in ("handed_to", "next_step", "contact", "contact_words")),
)
"""The duty role has seen an urgent flag; it stands until a decision discharges it."""

discharges = Table(
    "discharges",
    metadata,
    Column("raising_key", _Key, ForeignKey("flag_raisings.raising_key"), primary_key=True),
    Column("decision_key", _Key, nullable=False, index=True),
    _stored(index=True),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("delivery_key", _Key, primary_key=True),
    Column("raising_key", _Key, ForeignKey("flag_raisings.raising_key"), nullable=False),
    Column("attempts", Integer, nullable=False),
    _moment("next_at_us"),
    _moment("delivered_at_us", nullable=True),
    _moment("claimed_until_us", nullable=True),
    Column("last_status", Text),
    Column("audience", Text),
    Index("ix_deliveries_delivered_at_us_next_at_us", "delivered_at_us", "next_at_us"),
)
"""Messages about urgent flags that are to be sent, and how that went. ``audience`` is empty for
whoever is on duty; of a sealed case it says who else is told."""

standards_notices = Table(
    "standards_notices",
    metadata,
    Column("notice_key", _Key, primary_key=True),
    Column("day", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("n_people", Integer, nullable=False),
    Column("n_cases", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    _moment("next_at_us"),
    _moment("delivered_at_us", nullable=True),
    _moment("claimed_until_us", nullable=True),
    Column("last_status", Text),
    UniqueConstraint("day", "recipient"),
    Index("ix_standards_notices_delivered_at_us_next_at_us", "delivered_at_us", "next_at_us"),
)
"""What each of professional standards is told of a day's access that nothing explains: counts, but
for what they did themselves and cases to which they are a party. One a day and person, whichever
server works it out."""

first_reads = Table(
    "first_reads",
    metadata,
    Column("case_key", _Key, primary_key=True),
    *_person(),
    _moment("read_at_us"),
    Column("note", Text),
    _stored(index=True),
)
"""Who read a new case first, whatever its score (promise 2)."""

# --- lists ------------------------------------------------------------------------------------

sittings = Table(
    "sittings",
    metadata,
    Column("sitting_key", _Key, primary_key=True),
    _moment("opened_at_us"),
    _moment("as_of_us"),
    Column("capacity", Integer, nullable=False),
    Column("ordering", Text, nullable=False),
    Column("policy", JSON, nullable=False),
    Column("seed", Text, nullable=False),
    Column("bundle_id", Text),
    Column("n_eligible", Integer, nullable=False),
    Column("n_open", Integer, nullable=False),
    Column("standing", JSON, nullable=False),
    *_person(),
    _stored(index=True),
)
"""A meeting and what its list was made from. ``standing`` says what was told beside it."""

list_places = Table(
    "list_places",
    metadata,
    Column("sitting_key", _Key, ForeignKey("sittings.sitting_key"), primary_key=True),
    Column("position", Integer, primary_key=True),
    _case(),
    Column("rule", Text, nullable=False),
    Column("probability", Float),
    Column("by_lot", Boolean, nullable=False),
    Column("blind", Boolean, nullable=False),
    Column("blind_probability", Float),
    Column("newly_referred", Boolean, nullable=False),
    _moment("waiting_since_us"),
    Column("score_key", _Key),
    Column("rank", Integer),
    Column("shown", JSON, nullable=False),
    _stored(index=True),
    UniqueConstraint("sitting_key", "case_key"),
    Index("ix_list_places_case_key_stored_seq", "case_key", "stored_seq"),
)
"""A list as it was shown; ``shown`` is the row's snapshot."""

overflow = Table(
    "overflow",
    metadata,
    Column("sitting_key", _Key, ForeignKey("sittings.sitting_key"), primary_key=True),
    Column("case_key", _Key, primary_key=True),
    Column("flags", JSON, nullable=False),
    _moment("flagged_since_us"),
    _stored(index=True),
)
"""Flagged cases that found no place: above the list, counted and dated."""

first_views = Table(
    "first_views",
    metadata,
    Column("sitting_key", _Key, ForeignKey("sittings.sitting_key"), primary_key=True),
    Column("case_key", _Key, primary_key=True),
    Column("view", Text, nullable=False),
    *_person(),
    _moment("viewed_at_us"),
    _stored(index=True),
)
"""What a person thought of a case before anything of the model was shown."""

# --- decisions --------------------------------------------------------------------------------

decisions = Table(
    "decisions",
    metadata,
    Column("decision_key", _Key, primary_key=True),
    _case(),
    Column("version", Integer, nullable=False),
    Column("sitting_key", _Key),
    Column("score_key", _Key),
    Column("seen_seq", BigInteger, nullable=False),
    *_person(),
    _moment("decided_at_us"),
    Column("agrees_with_score", Boolean),
    Column("owner", Text),
    Column("review_on", Text),
    Column("note", Text),
    Column("reverses", _Key),
    Column("routes", JSON, nullable=False),
    _stored(index=True),
    # Later columns come last, so that no digest of a row from before changes.
    *(Column(name, Text) for name in ("score_direction", "score_why")),
    Column("opened", JSON(none_as_null=True)),
    Column("reading_seconds", Integer),
    *(Column(name, Text) for name in ("first_view", "unopened_why")),
    UniqueConstraint("case_key", "version"),
)
"""Decisions by named persons. ``routes`` maps each way to what was said of it; ``opened`` has the
places, in the order of rows, of the records that were opened, and is empty where nobody knows."""

decision_reasons = Table(
    "decision_reasons",
    metadata,
    Column("decision_key", _Key, ForeignKey("decisions.decision_key"), primary_key=True),
    Column("outcome", Text, primary_key=True),
    Column("indicator", Text, primary_key=True),
    Column("agrees", Boolean, nullable=False),
    Column("note", Text),
    _stored(index=True),
)

agency_views = Table(
    "agency_views",
    metadata,
    Column("view_key", _Key, primary_key=True),
    _case(),
    Column("sitting_key", _Key),
    Column("decision_key", _Key),
    *_person(),
    Column("stance", Text, nullable=False),
    Column("words", Text),
    _moment("given_at_us"),
    _stored(index=True),
    # Later columns come last, so that no digest of a row from before changes.
    *(Column(name, Text) for name in ("of_agency", "direction")),
    *(Column(name, _Key) for name in ("round_key", "replaces")),
    Column("blind", Boolean),
    Index("ix_agency_views_case_key_stored_seq", "case_key", "stored_seq"),
)
"""Each agency's view stands beside the others'; a dissent is never overwritten.

``of_agency`` is the agency whose view it is where somebody of another one recorded it. ``blind``
says whether it was given without knowing the others', and is empty where nobody knows."""

view_rounds = Table(
    "view_rounds",
    metadata,
    Column("round_key", _Key, primary_key=True),
    _case(),
    Column("sitting_key", _Key),
    Column("waits", Boolean, nullable=False),
    Column("present", JSON, nullable=False),
    *_person(),
    _moment("opened_at_us"),
    _stored(index=True),
    Index("ix_view_rounds_case_key_stored_seq", "case_key", "stored_seq"),
)
"""The agencies round the table on one case: ``present`` maps each to who was there. Where it
``waits``, each gives its view signed in, and none is shown to another until all are in."""

view_round_ends = Table(
    "view_round_ends",
    metadata,
    Column("round_key", _Key, ForeignKey("view_rounds.round_key"), primary_key=True),
    *_person(),
    _moment("ended_at_us"),
    _stored(index=True),
)
"""Somebody showed the views of a round before all were in."""

view_confirmations = Table(
    "view_confirmations",
    metadata,
    Column("view_key", _Key, ForeignKey("agency_views.view_key"), primary_key=True),
    *_person(),
    _moment("confirmed_at_us"),
    _stored(index=True),
)
"""An agency confirmed the view that somebody of another one recorded for it."""

view_notices = Table(
    "view_notices",
    metadata,
    Column("notice_key", _Key, primary_key=True),
    Column("view_key", _Key, ForeignKey("agency_views.view_key"), nullable=False),
    Column("attempts", Integer, nullable=False),
    _moment("next_at_us"),
    _moment("delivered_at_us", nullable=True),
    _moment("claimed_until_us", nullable=True),
    Column("last_status", Text),
    Index("ix_view_notices_delivered_at_us_next_at_us", "delivered_at_us", "next_at_us"),
)
"""Messages that tell an agency of a view that was recorded for it, and how sending went."""

correction_requests = Table(
    "correction_requests",
    metadata,
    Column("request_key", _Key, primary_key=True),
    _case(),
    Column("table", Text, nullable=False),
    Column("record_id", Text, nullable=False),
    Column("why", Text, nullable=False),
    *_person(),
    _moment("asked_at_us"),
    _stored(),
    Index("ix_correction_requests_case_key_stored_seq", "case_key", "stored_seq"),
)
correction_answers = Table(
    "correction_answers",
    metadata,
    Column("request_key", _Key, ForeignKey("correction_requests.request_key"), primary_key=True),
    Column("answer", Text, nullable=False),
    Column("note", Text),
    *_person(),
    _moment("answered_at_us"),
    _stored(),
)

case_notes = Table(
    "case_notes",
    metadata,
    Column("note_key", _Key, primary_key=True),
    _case(),
    Column("kind", Text, nullable=False),
    Column("words", Text, nullable=False),
    Column("handling", Text, nullable=False),
    Column("corrects", _Key),
    Column("contact_with", Text),
    Column("contact_way", Text),
    Column("contact_on", Text),
    Column("reached", Boolean),
    Column("wish", Text),
    *_person(),
    _moment("added_at_us"),
    _stored(index=True),
    Index("ix_case_notes_case_key_stored_seq", "case_key", "stored_seq"),
)
"""Notes, contacts and the victim's own wishes for contact. They are no records: nothing is measured
from them. ``corrects`` names the entry that one takes the place of; both stay."""

case_searches = Table(
    "case_searches",
    metadata,
    Column("search_key", _Key, primary_key=True),
    Column("case_key", _Key, index=True),
    Column("terms", JSON, nullable=False),
    Column("session", Text),
    *_person(),
    _moment("searched_at_us"),
    _stored(index=True),
)
"""What somebody looked for among cases. ``case_key`` is the case that it led straight to;
``session`` is a digest of the session in which alone the key shows the answer again."""

digest_choices = Table(
    "digest_choices",
    metadata,
    Column("choice_key", _Key, primary_key=True),
    Column("wanted", Boolean, nullable=False),
    Column("areas", JSON(none_as_null=True)),
    *_person(),
    _moment("chosen_at_us"),
    _stored(index=True),
    Index("ix_digest_choices_subject_stored_seq", "subject", "stored_seq"),
)
"""Who wants a daily digest: a person's latest row says so, with the areas that they saw then."""

daily_digests = Table(
    "daily_digests",
    metadata,
    Column("digest_key", _Key, primary_key=True),
    Column("day", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("n_reviews", Integer, nullable=False),
    Column("n_corrections", Integer, nullable=False),
    Column("n_views", Integer, nullable=False),
    Column("n_news", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    _moment("next_at_us"),
    _moment("delivered_at_us", nullable=True),
    _moment("claimed_until_us", nullable=True),
    Column("last_status", Text),
    UniqueConstraint("day", "recipient"),
    Index("ix_daily_digests_delivered_at_us_next_at_us", "delivered_at_us", "next_at_us"),
)
"""What each person is told of a day: counts of what waits for them, one a day and person."""

# --- the service itself -----------------------------------------------------------------------

orderings = Table(
    "orderings",
    metadata,
    Column("ordering_key", _Key, primary_key=True),
    Column("ordering", Text, nullable=False),
    Column("why", Text, nullable=False),
    *_person(),
    _moment("switched_at_us"),
    _stored(),
)
"""The switch between the model's order and the longest wait first."""

model_uses = Table(
    "model_uses",
    metadata,
    Column("use_key", _Key, primary_key=True),
    Column("bundle_id", Text, nullable=False),
    _moment("first_used_at_us"),
    _stored(),
)
"""Which bundle was put to use when."""

disposals = Table(
    "disposals",
    metadata,
    Column("case_key", _Key, primary_key=True),
    _moment("disposed_at_us"),
    Column("why", Text, nullable=False),
    *_person(),
    _stored(),
)

seals = Table(
    "seals",
    metadata,
    Column("seal_key", _Key, primary_key=True),
    _case(),
    Column("sealed", Boolean, nullable=False),
    Column("why", Text, nullable=False),
    *_person(),
    _moment("sealed_at_us"),
    _stored(),
    Index("ix_seals_case_key_stored_seq", "case_key", "stored_seq"),
)
"""Each case's latest row says whether it is sealed; nobody but the people named with it sees it."""

seal_people = Table(
    "seal_people",
    metadata,
    Column("seal_key", _Key, ForeignKey("seals.seal_key"), primary_key=True),
    Column("subject", Text, primary_key=True),
    _stored(),
)
"""Who may see a sealed case, by what the sign-in knows them."""

seal_openings = Table(
    "seal_openings",
    metadata,
    Column("opening_key", _Key, primary_key=True),
    Column("raising_key", _Key, ForeignKey("flag_raisings.raising_key"), nullable=False),
    _case(),
    Column("why", Text, nullable=False),
    *_person(),
    _moment("opened_at_us"),
    _stored(),
    Index("ix_seal_openings_case_key_stored_seq", "case_key", "stored_seq"),
)
"""A duty supervisor opened a sealed case for one urgent flag, and why."""

case_parties = Table(
    "case_parties",
    metadata,
    Column("tie_key", _Key, primary_key=True),
    _case(),
    Column("party", Text, nullable=False, index=True),
    Column("tied", Boolean, nullable=False),
    Column("why", Text, nullable=False),
    *_person(),
    _moment("tied_at_us"),
    _stored(),
    Index("ix_case_parties_case_key_stored_seq", "case_key", "stored_seq"),
)
"""Accounts of people who are a party to a case or close to one, by what the sign-in knows them.

The latest row of a case and an account says whether it is tied to it."""

# --- acts that need a second person -----------------------------------------------------------

confirmations = Table(
    "confirmations",
    metadata,
    Column("confirmation_key", _Key, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("case_key", _Key),
    Column("cases", JSON, nullable=False),
    Column("content", JSON, nullable=False),
    Column("effect", Text, nullable=False),
    *_person(),
    Column("why", Text, nullable=False),
    _moment("asked_at_us"),
    _moment("due_at_us"),
    Column("roles", JSON, nullable=False),
    Column("needed_agency", Text),
    Column("excluded", JSON, nullable=False),
    Column("only", JSON(none_as_null=True)),
    Column("overseen", Boolean, nullable=False),
    _stored(index=True),
    Index("ix_confirmations_case_key_stored_seq", "case_key", "stored_seq"),
    Index("ix_confirmations_kind_stored_seq", "kind", "stored_seq"),
)
"""Acts that a second person confirms: what was asked, by whom, and who may settle it.

``case_key`` is the first of ``cases``. ``effect`` says whether the act took effect at once."""

confirmation_settlements = Table(
    "confirmation_settlements",
    metadata,
    Column(
        "confirmation_key",
        _Key,
        ForeignKey("confirmations.confirmation_key"),
        primary_key=True,
    ),
    Column("outcome", Text, nullable=False),
    Column("why", Text, nullable=False),
    *_person(),
    _moment("settled_at_us"),
    _stored(),
)
"""What came of it: confirmed, refused or withdrawn. There is one settlement, or none."""

held_cases = Table(
    "held_cases",
    metadata,
    Column("case_key", _Key, primary_key=True),
    Column(
        "confirmation_key",
        _Key,
        ForeignKey("confirmations.confirmation_key"),
        nullable=False,
        index=True,
    ),
    _stored(),
)
"""New cases above their sender's daily number, each with what a second person is to confirm."""
withheld_corrections = Table(
    "withheld_corrections",
    metadata,
    Column("withheld_key", _Key, primary_key=True),
    _case(),
    Column("table", Text, nullable=False),
    Column("record_id", Text, nullable=False),
    Column("corrects", Text, nullable=False),
    Column("way", Text, nullable=False),
    Column("row", JSON(none_as_null=True)),
    Column("narrows", Boolean, nullable=False),
    Column("owner_agency", Text, nullable=False),
    Column("import_key", _Key),
    *_person(),
    _moment("withheld_at_us"),
    _stored(index=True),
    Index("ix_withheld_corrections_case_key_record_id", "case_key", "record_id"),
    Index("ix_withheld_corrections_import_key", "import_key"),
)
"""Corrections that correct nothing by themselves (ADR 27).

``way`` is ``held`` (the correction is kept here, in ``row``, until a second person confirms it),
``beside`` (it stands in its own table and corrects nothing: both versions count until then) or
``void`` (it stands there and never corrects anything: the record is another agency's).
``owner_agency`` is the agency of the record that it would correct."""

withheld_settlements = Table(
    "withheld_settlements",
    metadata,
    Column(
        "withheld_key",
        _Key,
        ForeignKey("withheld_corrections.withheld_key"),
        primary_key=True,
    ),
    _case(),
    Column("outcome", Text, nullable=False),
    _moment("settled_at_us"),
    _stored(index=True),
)
"""What came of a withheld correction, with the confirmation that it was part of."""

promotions = Table(
    "promotions",
    metadata,
    Column("promotion_key", _Key, primary_key=True),
    Column("step", Text, nullable=False),
    Column("bundle_id", Text, nullable=False, index=True),
    Column("figures_digest", Text),
    Column("replaces", Text),
    Column("proposal_key", _Key, index=True),
    Column("about", JSON, nullable=False),
    Column("gates", JSON, nullable=False),
    Column("why", Text),
    Column("despite", Text),
    Column("acknowledged", Text),
    *_person(),
    _moment("done_at_us"),
    _stored(),
)
"""Steps of putting a bundle to use: proposed, refused, approved, withdrawn, rolled back, unsigned.

``figures_digest`` is that of the figures that were judged, which a bundle's id leaves out."""

flag_catalogues = Table(
    "flag_catalogues",
    metadata,
    Column("step_key", _Key, primary_key=True),
    Column("step", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("proposal_key", _Key, index=True),
    Column("why", Text, nullable=False),
    *_person(),
    _moment("done_at_us"),
    _stored(),
)
"""The catalogue by which flags are raised, apart from that of the model: proposed, approved,
withdrawn, or taken over from the first bundle. ``text`` is the catalogue's YAML."""

# --- the audit chain --------------------------------------------------------------------------

audit_lines = Table(
    "audit_lines",
    metadata,
    Column("book", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    _moment("at_us"),
    Column("operation", Text, nullable=False),
    Column("done", Boolean, nullable=False),
    *_person(),
    Column("case_key", _Key, index=True),
    # NULL, which queries ask for, and not the text that JSON writes for nothing.
    Column("cases", JSON(none_as_null=True)),
    Column("route", Text, nullable=False),
    Column("recipient", Text),
    Column("purpose", Text),
    Column("request_id", Text),
    Column("first_seq", BigInteger),
    Column("last_seq", BigInteger),
    Column("mac", String(64), nullable=False),
    # Last, and left out of the bytes of a line that has none: lines from before have not got it.
    Column("content", String(64)),
    Index("ix_audit_lines_subject_book_number", "subject", "book", "number"),
    Index("ix_audit_lines_book_at_us", "book", "at_us"),
    Index("ix_audit_lines_book_first_seq", "book", "first_seq"),
)
"""Who did what, and who looked at what; each line's ``mac`` is chained to the one before it.

``book`` is ``changes`` or ``looks``: on SQLite the looks are in a file of their own, so that a page
never waits for an import. ``first_seq`` and ``last_seq`` are the rows that a change stored. Lines
outlast the cases that they name: a key says nothing once it was parted from its case. ``content``
is the digest of what those rows held (:mod:`serving.store.row_digests`)."""

audit_heads = Table(
    "audit_heads",
    metadata,
    Column("book", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("mac", String(64), nullable=False),
    Column("key_name", String(16)),
)
"""The last line of each log; locked last by a transaction that adds one. ``key_name`` names the key
that its next line is written with, empty until that was changed for the first time."""

row_digests = Table(
    "row_digests",
    metadata,
    Column("number", BigInteger, primary_key=True),
    Column("first_seq", BigInteger, primary_key=True),
    Column("table", Text, primary_key=True),
    Column("last_seq", BigInteger, nullable=False),
    Column("owners", Text, nullable=False),
    Column("digests", LargeBinary, nullable=False),
)
"""What the line ``number`` of the log of changes carries one digest over: the digests of the rows
of a table, from ``first_seq`` to ``last_seq``. Both are 0 for rows from before that
were changed lawfully."""

row_secrets = Table(
    "row_secrets",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("secret", LargeBinary, nullable=False),
)
"""Under which secret the rows of an owner are digested: :mod:`serving.store.row_secrets`. Erasing
deletes it."""

# --- worked out from the rest -----------------------------------------------------------------

standings = Table(
    "standings",
    metadata,
    Column("case_key", _Key, primary_key=True),
    Column("state", Text, nullable=False),
    Column("area", Text),
    Column("referral_source", Text),
    _moment("arrived_at_us"),
    _moment("state_since_us"),
    _moment("waiting_since_us", nullable=True),
    Column("returned_for", Text),
    Column("owner", Text),
    Column("review_on", Text),
    _moment("review_due_us", nullable=True),
    Column("version", Integer, nullable=False),
    Column("decided_seq", BigInteger, nullable=False),
    Column("record_seq", BigInteger, nullable=False),
    Column("known_seq", BigInteger, nullable=False),
    Column("score_key", _Key),
    Column("scored_as_of_us", BigInteger),
    Column("priority", Float),
    Column("family", Text),
    Column("n_flags", Integer, nullable=False),
    Column("n_urgent", Integer, nullable=False),
    _moment("flagged_since_us", nullable=True),
    _moment("first_read_due_us"),
    _moment("first_read_at_us", nullable=True),
    Index("ix_standings_state_priority", "state", "priority"),
    Index("ix_standings_state_waiting_since_us", "state", "waiting_since_us"),
    Index("ix_standings_state_flagged_since_us", "state", "flagged_since_us"),
    Index("ix_standings_state_review_due_us", "state", "review_due_us"),
    Index(
        "ix_standings_first_read_at_us_first_read_due_us", "first_read_at_us", "first_read_due_us"
    ),
    Index("ix_standings_state_area_priority", "state", "area", "priority"),
    Index("ix_standings_state_arrived_at_us", "state", "arrived_at_us"),
    Index("ix_standings_state_owner", "state", "owner"),
)
"""Where each case stands now.

``state`` is awaiting, managed, returned or closed, and the same after ``sealed:`` for a sealed
case, so that only a query that asks for it finds it. ``record_seq`` is the latest row that belongs
to the case, ``known_seq`` how far its latest score had read; the score is behind where the first is
larger. ``decided_seq`` is how far the latest decision had read, 0 without one; ``version`` counts
decisions. ``priority`` and ``family`` are of the latest score. ``n_flags`` counts standing review
flags and ``n_urgent`` urgent ones; ``flagged_since_us`` is when the oldest of them was raised."""

ended_sessions = Table(
    "ended_sessions",
    metadata,
    Column("session", Text, primary_key=True),
    _moment("until_us"),
)
"""Sessions that were ended before their time, until they would have ended by themselves."""

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    _moment("until_us"),
)
"""Work that one process at a time may do."""

RECORDS: Final = {
    "cases": cases,
    "events": events,
    "facts": facts,
    "links": links,
    "people": people,
}
"""The contract's tables, by the contract's names."""
APPEND_ONLY: Final = (
    *RECORDS,
    "import_rejects",
    "case_moves",
    "scores",
    "flag_raisings",
    "acknowledgements",
    "discharges",
    "first_reads",
    "sittings",
    "list_places",
    "overflow",
    "first_views",
    "decisions",
    "decision_reasons",
    "agency_views",
    "view_rounds",
    "view_round_ends",
    "view_confirmations",
    "correction_requests",
    "correction_answers",
    "case_notes",
    "case_searches",
    "digest_choices",
    "orderings",
    "model_uses",
    "disposals",
    "seals",
    "seal_people",
    "seal_openings",
    "case_parties",
    "confirmations",
    "confirmation_settlements",
    "held_cases",
    "withheld_corrections",
    "withheld_settlements",
    "promotions",
    "flag_catalogues",
    "audit_lines",
    "row_digests",
)
WORKED_OUT: Final = ("standings",)
ERASABLE: Final[dict[str, tuple[str, ...]]] = {
    "events": ("event_id", "incident_id", "supersedes"),
    "facts": ("fact_id", "supersedes"),
    "links": ("link_id", "supersedes"),
    "people": ("person_id",),
    "flag_raisings": ("record_id",),
    "correction_requests": ("record_id",),
    "list_places": ("shown",),
    "overflow": ("flags",),
    "import_rejects": ("source",),
    "withheld_corrections": ("record_id", "corrects", "row"),
    "confirmations": ("content",),
    "case_searches": ("terms",),
}
"""Columns in which the identifier of an erased case may stand, and which the database lets change
once the case is erased: :mod:`serving.store.erasing`."""
NAMING: Final[dict[str, str]] = {
    "import_rejects": "source",
    "confirmations": "content",
    "case_searches": "terms",
}
"""Of these, the column of a table whose rows may name a case that they are not of: rows that could
not be used, splits that named the case that they made, and what somebody looked for."""


def name_erasable(table: Table) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return the columns of a table that erasing may change, and the others, by the table's name.

    Nothing for a table that erasing does not reach.
    """
    changed = ERASABLE.get(table.name)
    if changed is None:
        return {}
    kept = tuple(column.name for column in table.columns if column.name not in changed)
    return {table.name: (changed, kept)}
