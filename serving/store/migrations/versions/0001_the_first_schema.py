"""The first schema."""

import sqlalchemy as sa
from alembic import op

from serving.store.triggers import write_triggers

revision = "0001"
down_revision = None

_APPEND_ONLY = {
    "cases": True,
    "events": True,
    "facts": True,
    "links": True,
    "people": True,
    "import_rejects": True,
    "case_moves": True,
    "scores": True,
    "flag_raisings": True,
    "acknowledgements": False,
    "discharges": False,
    "first_reads": True,
    "sittings": False,
    "list_places": True,
    "overflow": True,
    "first_views": True,
    "decisions": True,
    "decision_reasons": False,
    "agency_views": True,
    "correction_requests": True,
    "correction_answers": False,
    "orderings": False,
    "model_uses": False,
    "disposals": False,
    "seals": True,
    "seal_people": False,
    "promotions": False,
    "audit_lines": False,
}


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "agency_views",
        sa.Column("view_key", sa.String(length=24), nullable=False),
        sa.Column("case_key", sa.String(length=24), nullable=False),
        sa.Column("sitting_key", sa.String(length=24), nullable=True),
        sa.Column("decision_key", sa.String(length=24), nullable=True),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("stance", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("given_at_us", sa.BigInteger(), nullable=False),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("view_key", name="pk_agency_views"),
    )
    op.create_index(
        "ix_agency_views_case_key_stored_seq",
        "agency_views",
        ["case_key", "stored_seq"],
        unique=False,
    )
    op.create_table(
        "case_keys",
        sa.Column("case_key", sa.String(length=24), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=True),
        sa.Column("retention_class", sa.Text(), nullable=False),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.Column("erased_at_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("case_key", name="pk_case_keys"),
        sa.UniqueConstraint("case_id", name="uq_case_keys_case_id"),
    )
    op.create_table(
        "case_moves",
        sa.Column("move_key", sa.String(length=24), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("case_key", sa.String(length=24), nullable=False),
        sa.Column("other_case_key", sa.String(length=24), nullable=True),
        sa.Column("area", sa.Text(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("moved_at_us", sa.BigInteger(), nullable=False),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("move_key", name="pk_case_moves"),
    )
    op.create_index(op.f("ix_case_moves_case_key"), "case_moves", ["case_key"], unique=False)
    op.create_index(
        op.f("ix_case_moves_other_case_key"), "case_moves", ["other_case_key"], unique=False
    )
    op.create_table(
        "cases",
        sa.Column("case_key", sa.String(length=24), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("area", sa.Text(), nullable=True),
        sa.Column("referral_source", sa.Text(), nullable=True),
        sa.Column("import_key", sa.String(length=24), nullable=True),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("case_key", name="pk_cases"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_cases_stored_seq"), "cases", ["stored_seq"], unique=False)
    op.create_table(
        "correction_requests",
        sa.Column("request_key", sa.String(length=24), nullable=False),
        sa.Column("case_key", sa.String(length=24), nullable=False),
        sa.Column("table", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("asked_at_us", sa.BigInteger(), nullable=False),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("request_key", name="pk_correction_requests"),
    )
    op.create_index(
        "ix_correction_requests_case_key_stored_seq",
        "correction_requests",
        ["case_key", "stored_seq"],
        unique=False,
    )
    op.create_table(
        "decisions",
        sa.Column("decision_key", sa.String(length=24), nullable=False),
        sa.Column("case_key", sa.String(length=24), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sitting_key", sa.String(length=24), nullable=True),
        sa.Column("score_key", sa.String(length=24), nullable=True),
        sa.Column("seen_seq", sa.BigInteger(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("decided_at_us", sa.BigInteger(), nullable=False),
        sa.Column("agrees_with_score", sa.Boolean(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("review_on", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("reverses", sa.String(length=24), nullable=True),
        sa.Column("routes", sa.JSON(), nullable=False),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("decision_key", name="pk_decisions"),
        sa.UniqueConstraint("case_key", "version", name="uq_decisions_case_key_version"),
    )
    op.create_index(op.f("ix_decisions_stored_seq"), "decisions", ["stored_seq"], unique=False)
    op.create_table(
        "disposals",
        sa.Column("case_key", sa.String(length=24), nullable=False),
        sa.Column("disposed_at_us", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("case_key", name="pk_disposals"),
    )
    op.create_table(
        "events",
        sa.Column("case_key", sa.String(length=24), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("occurred_until", sa.BigInteger(), nullable=True),
        sa.Column("incident_id", sa.Text(), nullable=True),
        sa.Column("view", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("reporter_role", sa.Text(), nullable=True),
        sa.Column("assurance", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("target", sa.Text(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("handling", sa.Text(), nullable=True),
        sa.Column("supersedes", sa.Text(), nullable=True),
        sa.Column("narrative", sa.Text(), nullable=True),
        sa.Column("import_key", sa.String(length=24), nullable=True),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("case_key", "event_id", name="pk_events"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_events_event_id"), "events", ["event_id"], unique=False)
    op.create_index(op.f("ix_events_stored_seq"), "events", ["stored_seq"], unique=False)
    op.create_table(
        "facts",
        sa.Column("case_key", sa.String(length=24), nullable=False),
        sa.Column("fact_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("asked", sa.Text(), nullable=True),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("supersedes", sa.Text(), nullable=True),
        sa.Column("import_key", sa.String(length=24), nullable=True),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("case_key", "fact_id", name="pk_facts"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_facts_fact_id"), "facts", ["fact_id"], unique=False)
    op.create_index(op.f("ix_facts_stored_seq"), "facts", ["stored_seq"], unique=False)
    op.create_table(
        "first_reads",
        sa.Column("case_key", sa.String(length=24), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("read_at_us", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("case_key", name="pk_first_reads"),
    )
    op.create_table(
        "flag_raisings",
        sa.Column("raising_key", sa.String(length=24), nullable=False),
        sa.Column("case_key", sa.String(length=24), nullable=False),
        sa.Column("flag", sa.Text(), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("raised_at_us", sa.BigInteger(), nullable=False),
        sa.Column("due_at_us", sa.BigInteger(), nullable=True),
        sa.Column("score_key", sa.String(length=24), nullable=True),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("raising_key", name="pk_flag_raisings"),
        sa.UniqueConstraint(
            "case_key", "flag", "record_id", name="uq_flag_raisings_case_key_flag_record_id"
        ),
    )
    op.create_index(
        op.f("ix_flag_raisings_due_at_us"), "flag_raisings", ["due_at_us"], unique=False
    )
    op.create_table(
        "import_rejects",
        sa.Column("import_key", sa.String(length=24), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("row", sa.BigInteger(), nullable=False),
        sa.Column("table", sa.Text(), nullable=False),
        sa.Column("column", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("remedy", sa.Text(), nullable=False),
        sa.Column("source", sa.JSON(), nullable=False),
        sa.Column("case_key", sa.String(length=24), nullable=True),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("import_key", "number", name="pk_import_rejects"),
    )
    op.create_table(
        "imports",
        sa.Column("import_key", sa.String(length=24), nullable=False),
        sa.Column("source_digest", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("begun_at_us", sa.BigInteger(), nullable=False),
        sa.Column("ended_at_us", sa.BigInteger(), nullable=True),
        sa.Column("rows_total", sa.BigInteger(), nullable=True),
        sa.Column("rows_done", sa.BigInteger(), nullable=False),
        sa.Column("added", sa.BigInteger(), nullable=False),
        sa.Column("repeats", sa.BigInteger(), nullable=False),
        sa.Column("conflicts", sa.BigInteger(), nullable=False),
        sa.Column("rejects", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("import_key", name="pk_imports"),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    op.create_table(
        "links",
        sa.Column("case_key", sa.String(length=24), nullable=False),
        sa.Column("link_id", sa.Text(), nullable=False),
        sa.Column("linked_case_key", sa.String(length=24), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("supersedes", sa.Text(), nullable=True),
        sa.Column("import_key", sa.String(length=24), nullable=True),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("case_key", "link_id", name="pk_links"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_links_link_id"), "links", ["link_id"], unique=False)
    op.create_index(op.f("ix_links_linked_case_key"), "links", ["linked_case_key"], unique=False)
    op.create_index(op.f("ix_links_stored_seq"), "links", ["stored_seq"], unique=False)
    op.create_table(
        "model_uses",
        sa.Column("use_key", sa.String(length=24), nullable=False),
        sa.Column("bundle_id", sa.Text(), nullable=False),
        sa.Column("first_used_at_us", sa.BigInteger(), nullable=False),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("use_key", name="pk_model_uses"),
    )
    op.create_table(
        "orderings",
        sa.Column("ordering_key", sa.String(length=24), nullable=False),
        sa.Column("ordering", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("switched_at_us", sa.BigInteger(), nullable=False),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ordering_key", name="pk_orderings"),
    )
    op.create_table(
        "people",
        sa.Column("case_key", sa.String(length=24), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("characteristic", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("import_key", sa.String(length=24), nullable=True),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("case_key", "person_id", "characteristic", name="pk_people"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "scores",
        sa.Column("score_key", sa.String(length=24), nullable=False),
        sa.Column("case_key", sa.String(length=24), nullable=False),
        sa.Column("as_of_us", sa.BigInteger(), nullable=False),
        sa.Column("known_seq", sa.BigInteger(), nullable=False),
        sa.Column("occasion", sa.Text(), nullable=False),
        sa.Column("bundle_id", sa.Text(), nullable=False),
        sa.Column("catalogue_digest", sa.Text(), nullable=False),
        sa.Column("engine_version", sa.Text(), nullable=False),
        sa.Column("priority", sa.Float(), nullable=False),
        sa.Column("priority_as_recorded", sa.Float(), nullable=False),
        sa.Column("leading_outcome", sa.Text(), nullable=False),
        sa.Column("log_odds", sa.JSON(), nullable=False),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("score_key", name="pk_scores"),
    )
    op.create_index(
        "ix_scores_case_key_stored_seq", "scores", ["case_key", "stored_seq"], unique=False
    )
    op.create_table(
        "sittings",
        sa.Column("sitting_key", sa.String(length=24), nullable=False),
        sa.Column("opened_at_us", sa.BigInteger(), nullable=False),
        sa.Column("as_of_us", sa.BigInteger(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("ordering", sa.Text(), nullable=False),
        sa.Column("policy", sa.JSON(), nullable=False),
        sa.Column("seed", sa.Text(), nullable=False),
        sa.Column("bundle_id", sa.Text(), nullable=True),
        sa.Column("n_eligible", sa.Integer(), nullable=False),
        sa.Column("n_open", sa.Integer(), nullable=False),
        sa.Column("standing", sa.JSON(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sitting_key", name="pk_sittings"),
    )
    op.create_index(op.f("ix_sittings_stored_seq"), "sittings", ["stored_seq"], unique=False)
    op.create_table(
        "standings",
        sa.Column("case_key", sa.String(length=24), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("area", sa.Text(), nullable=True),
        sa.Column("referral_source", sa.Text(), nullable=True),
        sa.Column("arrived_at_us", sa.BigInteger(), nullable=False),
        sa.Column("state_since_us", sa.BigInteger(), nullable=False),
        sa.Column("waiting_since_us", sa.BigInteger(), nullable=True),
        sa.Column("returned_for", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("review_on", sa.Text(), nullable=True),
        sa.Column("review_due_us", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("decided_seq", sa.BigInteger(), nullable=False),
        sa.Column("record_seq", sa.BigInteger(), nullable=False),
        sa.Column("known_seq", sa.BigInteger(), nullable=False),
        sa.Column("score_key", sa.String(length=24), nullable=True),
        sa.Column("scored_as_of_us", sa.BigInteger(), nullable=True),
        sa.Column("priority", sa.Float(), nullable=True),
        sa.Column("family", sa.Text(), nullable=True),
        sa.Column("n_flags", sa.Integer(), nullable=False),
        sa.Column("n_urgent", sa.Integer(), nullable=False),
        sa.Column("flagged_since_us", sa.BigInteger(), nullable=True),
        sa.Column("first_read_due_us", sa.BigInteger(), nullable=False),
        sa.Column("first_read_at_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("case_key", name="pk_standings"),
    )
    op.create_index(
        "ix_standings_first_read_at_us_first_read_due_us",
        "standings",
        ["first_read_at_us", "first_read_due_us"],
        unique=False,
    )
    op.create_index(
        "ix_standings_state_area_priority", "standings", ["state", "area", "priority"], unique=False
    )
    op.create_index(
        "ix_standings_state_arrived_at_us", "standings", ["state", "arrived_at_us"], unique=False
    )
    op.create_index(
        "ix_standings_state_flagged_since_us",
        "standings",
        ["state", "flagged_since_us"],
        unique=False,
    )
    op.create_index("ix_standings_state_priority", "standings", ["state", "priority"], unique=False)
    op.create_index(
        "ix_standings_state_review_due_us", "standings", ["state", "review_due_us"], unique=False
    )
    op.create_index(
        "ix_standings_state_waiting_since_us",
        "standings",
        ["state", "waiting_since_us"],
        unique=False,
    )
    op.create_table(
        "unit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("synthetic", sa.Boolean(), nullable=False),
        sa.Column("made_at_us", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_unit"),
    )
    op.create_table(
        "acknowledgements",
        sa.Column("raising_key", sa.String(length=24), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("acknowledged_at_us", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["raising_key"], ["flag_raisings.raising_key"], name="fk_acknowledgements_raising_key"
        ),
        sa.PrimaryKeyConstraint("raising_key", name="pk_acknowledgements"),
    )
    op.create_table(
        "correction_answers",
        sa.Column("request_key", sa.String(length=24), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("answered_at_us", sa.BigInteger(), nullable=False),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_key"],
            ["correction_requests.request_key"],
            name="fk_correction_answers_request_key",
        ),
        sa.PrimaryKeyConstraint("request_key", name="pk_correction_answers"),
    )
    op.create_table(
        "decision_reasons",
        sa.Column("decision_key", sa.String(length=24), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("indicator", sa.Text(), nullable=False),
        sa.Column("agrees", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["decision_key"], ["decisions.decision_key"], name="fk_decision_reasons_decision_key"
        ),
        sa.PrimaryKeyConstraint("decision_key", "outcome", "indicator", name="pk_decision_reasons"),
    )
    op.create_table(
        "deliveries",
        sa.Column("delivery_key", sa.String(length=24), nullable=False),
        sa.Column("raising_key", sa.String(length=24), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at_us", sa.BigInteger(), nullable=False),
        sa.Column("delivered_at_us", sa.BigInteger(), nullable=True),
        sa.Column("claimed_until_us", sa.BigInteger(), nullable=True),
        sa.Column("last_status", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["raising_key"], ["flag_raisings.raising_key"], name="fk_deliveries_raising_key"
        ),
        sa.PrimaryKeyConstraint("delivery_key", name="pk_deliveries"),
    )
    op.create_index(
        "ix_deliveries_delivered_at_us_next_at_us",
        "deliveries",
        ["delivered_at_us", "next_at_us"],
        unique=False,
    )
    op.create_table(
        "discharges",
        sa.Column("raising_key", sa.String(length=24), nullable=False),
        sa.Column("decision_key", sa.String(length=24), nullable=False),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["raising_key"], ["flag_raisings.raising_key"], name="fk_discharges_raising_key"
        ),
        sa.PrimaryKeyConstraint("raising_key", name="pk_discharges"),
    )
    op.create_index(
        op.f("ix_discharges_decision_key"), "discharges", ["decision_key"], unique=False
    )
    op.create_table(
        "first_views",
        sa.Column("sitting_key", sa.String(length=24), nullable=False),
        sa.Column("case_key", sa.String(length=24), nullable=False),
        sa.Column("view", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("viewed_at_us", sa.BigInteger(), nullable=False),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sitting_key"], ["sittings.sitting_key"], name="fk_first_views_sitting_key"
        ),
        sa.PrimaryKeyConstraint("sitting_key", "case_key", name="pk_first_views"),
    )
    op.create_table(
        "list_places",
        sa.Column("sitting_key", sa.String(length=24), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("case_key", sa.String(length=24), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("probability", sa.Float(), nullable=True),
        sa.Column("by_lot", sa.Boolean(), nullable=False),
        sa.Column("blind", sa.Boolean(), nullable=False),
        sa.Column("blind_probability", sa.Float(), nullable=True),
        sa.Column("newly_referred", sa.Boolean(), nullable=False),
        sa.Column("waiting_since_us", sa.BigInteger(), nullable=False),
        sa.Column("score_key", sa.String(length=24), nullable=True),
        sa.Column("rank", sa.Integer(), nullable=True),
        sa.Column("shown", sa.JSON(), nullable=False),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sitting_key"], ["sittings.sitting_key"], name="fk_list_places_sitting_key"
        ),
        sa.PrimaryKeyConstraint("sitting_key", "position", name="pk_list_places"),
        sa.UniqueConstraint("sitting_key", "case_key", name="uq_list_places_sitting_key_case_key"),
    )
    op.create_index(
        "ix_list_places_case_key_stored_seq",
        "list_places",
        ["case_key", "stored_seq"],
        unique=False,
    )
    op.create_table(
        "overflow",
        sa.Column("sitting_key", sa.String(length=24), nullable=False),
        sa.Column("case_key", sa.String(length=24), nullable=False),
        sa.Column("flags", sa.JSON(), nullable=False),
        sa.Column("flagged_since_us", sa.BigInteger(), nullable=False),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sitting_key"], ["sittings.sitting_key"], name="fk_overflow_sitting_key"
        ),
        sa.PrimaryKeyConstraint("sitting_key", "case_key", name="pk_overflow"),
    )
    op.create_table(
        "seals",
        sa.Column("seal_key", sa.String(length=24), nullable=False),
        sa.Column("case_key", sa.String(length=24), nullable=False),
        sa.Column("sealed", sa.Boolean(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("sealed_at_us", sa.BigInteger(), nullable=False),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seal_key", name="pk_seals"),
    )
    op.create_index(
        "ix_seals_case_key_stored_seq", "seals", ["case_key", "stored_seq"], unique=False
    )
    op.create_table(
        "seal_people",
        sa.Column("seal_key", sa.String(length=24), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["seal_key"], ["seals.seal_key"], name="fk_seal_people_seal_key"),
        sa.PrimaryKeyConstraint("seal_key", "subject", name="pk_seal_people"),
    )
    op.create_table(
        "promotions",
        sa.Column("promotion_key", sa.String(length=24), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("bundle_id", sa.Text(), nullable=False),
        sa.Column("figures_digest", sa.Text(), nullable=True),
        sa.Column("replaces", sa.Text(), nullable=True),
        sa.Column("proposal_key", sa.String(length=24), nullable=True),
        sa.Column("about", sa.JSON(), nullable=False),
        sa.Column("gates", sa.JSON(), nullable=False),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("despite", sa.Text(), nullable=True),
        sa.Column("acknowledged", sa.Text(), nullable=True),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("done_at_us", sa.BigInteger(), nullable=False),
        sa.Column("stored_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("promotion_key", name="pk_promotions"),
    )
    for column in ("bundle_id", "proposal_key"):
        op.create_index(f"ix_promotions_{column}", "promotions", [column], unique=False)
    op.create_table(
        "audit_lines",
        sa.Column("book", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("case_key", sa.String(length=24), nullable=True),
        sa.Column("cases", sa.JSON(), nullable=True),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=True),
        sa.Column("purpose", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("first_seq", sa.BigInteger(), nullable=True),
        sa.Column("last_seq", sa.BigInteger(), nullable=True),
        sa.Column("mac", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("book", "number", name="pk_audit_lines"),
    )
    op.create_index("ix_audit_lines_case_key", "audit_lines", ["case_key"], unique=False)
    op.create_index(
        "ix_audit_lines_subject_book_number",
        "audit_lines",
        ["subject", "book", "number"],
        unique=False,
    )
    op.create_index("ix_audit_lines_book_at_us", "audit_lines", ["book", "at_us"], unique=False)
    op.create_index(
        "ix_audit_lines_book_first_seq", "audit_lines", ["book", "first_seq"], unique=False
    )
    op.create_table(
        "audit_heads",
        sa.Column("book", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("book", name="pk_audit_heads"),
    )
    op.create_table(
        "ended_sessions",
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("session", name="pk_ended_sessions"),
    )
    for statement in write_triggers(op.get_bind().dialect.name, _APPEND_ONLY):
        op.execute(statement)
