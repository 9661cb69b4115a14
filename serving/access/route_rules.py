"""Which role may call which route, what a program needs for it, and what it is logged as.

One table, by method and route template. The gate refuses a route that is not in it, and a test
fails for one: a route without a rule is nobody's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from serving.access.roles import ADMINISTRATOR, DECIDERS, MOVERS, OPENERS, SENDERS
from serving.persons import ROLES
from serving.store.current_act import Operation

AUDITOR: Final = "auditor"
DATA_SCIENTIST: Final = "data_scientist"
READERS: Final = (*DECIDERS, AUDITOR, ADMINISTRATOR)
"""Who may look at cases. Data scientists do not: they work on what the store exports."""
EVERYBODY: Final = ROLES
SCOPES: Final = (
    "records:write",
    "scores:compute",
    "cases:read",
    "lists:read",
    "duty:read",
    "figures:read",
    "metrics:read",
)
"""What a program's token may say, each for the routes that name it."""


@dataclass(frozen=True)
class RouteRule:
    """Who may call a route.

    Parameters
    ----------
    roles
        Roles of persons that may; of nobody where empty and not ``public``.
    scope
        What a program's token must say; ``None`` where no program may.
    operation
        What the audit chain calls it.
    looks
        Whether an answer shows something of cases, so that the access is logged.
    standards
        Whether people of professional standards may call it, whatever their role.
    whole_unit
        Whether the answer is about the whole unit, and so for those alone who see every area.
    public
        Whether nobody need be signed in.
    keeps_nothing
        Whether it computes from what is sent alone: then nobody need be signed in where anybody on
        this machine could be, under any name.
    """

    roles: tuple[str, ...] = ()
    scope: str | None = None
    operation: Operation = "consultation"
    looks: bool = False
    standards: bool = False
    whole_unit: bool = False
    public: bool = False
    keeps_nothing: bool = False


_PUBLIC: Final = RouteRule(public=True)
_LOOK: Final = RouteRule(READERS, "cases:read", looks=True)
_LIST: Final = RouteRule(READERS, "lists:read", looks=True)
_LIST_OUT: Final = RouteRule(READERS, "lists:read", "disclosure", looks=True)
_DUTY: Final = RouteRule(READERS, "duty:read", looks=True)
_DECIDE: Final = RouteRule(DECIDERS, operation="alteration")
_OPEN: Final = RouteRule(OPENERS, operation="alteration")
_FOR_ME: Final = RouteRule(OPENERS, looks=True)
_MOVE: Final = RouteRule(MOVERS, operation="combination")
_SEND: Final = RouteRule(SENDERS[:-1], "records:write", "collection")
_FIGURES: Final = RouteRule(EVERYBODY, "figures:read", whole_unit=True)
_ACKNOWLEDGE: Final = RouteRule(("duty", ADMINISTRATOR), operation="alteration")
_READ_FIRST: Final = RouteRule((*DECIDERS, ADMINISTRATOR), operation="alteration")
_OVERSEE: Final = RouteRule((AUDITOR,), looks=True, whole_unit=True)
_SEALED_FLAGS: Final = RouteRule(READERS, standards=True)
_OPEN_SEALED: Final = RouteRule(READERS, operation="consultation", standards=True)
_REVIEW_SEALS: Final = RouteRule((AUDITOR,), looks=True, standards=True, whole_unit=True)
_CHANGE_SEALS: Final = RouteRule(
    (AUDITOR,), operation="alteration", standards=True, whole_unit=True
)
_LOOK_AT_PARTIES: Final = RouteRule((), looks=True, standards=True)
_TIE: Final = RouteRule((), operation="alteration", standards=True)
_SEE_LOOKS: Final = RouteRule((*DECIDERS, AUDITOR), looks=True)

RULES: Final[Mapping[tuple[str, str], RouteRule]] = {
    # Signing in and out; who one is.
    ("POST", "/v1/sign-in"): _PUBLIC,
    ("POST", "/v1/sign-out"): _PUBLIC,
    ("GET", "/v1/me"): RouteRule(EVERYBODY, "cases:read"),
    ("GET", "/sign-in"): _PUBLIC,
    ("POST", "/sign-in"): _PUBLIC,
    ("GET", "/sign-in/begin"): _PUBLIC,
    ("GET", "/sign-in/back"): _PUBLIC,
    ("POST", "/sign-out"): _PUBLIC,
    ("GET", "/session-over"): _PUBLIC,
    # Records in.
    ("POST", "/v1/records"): _SEND,
    ("POST", "/v1/imports"): _SEND,
    ("GET", "/v1/imports"): RouteRule(
        (*SENDERS[:-1], DATA_SCIENTIST), "records:write", whole_unit=True
    ),
    ("GET", "/v1/imports/{import_key}"): RouteRule(
        (*SENDERS[:-1], DATA_SCIENTIST), "records:write", whole_unit=True
    ),
    ("PUT", "/v1/imports/{import_key}/rows"): _SEND,
    ("GET", "/v1/imports/{import_key}/rejects"): RouteRule(
        SENDERS[:-1], "records:write", looks=True, whole_unit=True
    ),
    ("GET", "/v1/imports/{import_key}/rejects.csv"): RouteRule(
        SENDERS[:-1], "records:write", "disclosure", looks=True, whole_unit=True
    ),
    ("POST", "/v1/scores"): RouteRule(
        (*READERS, DATA_SCIENTIST), "scores:compute", keeps_nothing=True
    ),
    # The list and every open case.
    ("POST", "/v1/sittings"): _OPEN,
    ("GET", "/v1/sittings"): _LIST,
    ("GET", "/v1/sittings/{sitting_key}"): _LIST,
    ("GET", "/v1/sittings/{sitting_key}/minutes"): _LIST,
    ("GET", "/v1/sittings/{sitting_key}/decisions.csv"): _LIST_OUT,
    ("GET", "/v1/views"): _LIST,
    ("GET", "/v1/list"): _LIST,
    ("GET", "/v1/list.csv"): _LIST_OUT,
    ("GET", "/v1/cases"): _LIST,
    ("POST", "/v1/case-searches"): _LIST,
    ("GET", "/v1/caseload"): _LIST,
    ("POST", "/v1/sittings/{sitting_key}/cases/{key}/first-view"): _OPEN,
    ("GET", "/"): _LIST,
    ("GET", "/pack"): _LIST_OUT,
    ("GET", "/minutes/{sitting_key}"): _LIST_OUT,
    ("GET", "/views"): _LIST,
    ("POST", "/sittings"): _OPEN,
    ("GET", "/cases"): _LIST,
    ("POST", "/cases/search"): _LIST,
    ("POST", "/cases/find"): _LIST,
    ("GET", "/caseload"): _LIST,
    # What waits for whoever asks.
    ("GET", "/v1/for-me"): _FOR_ME,
    ("POST", "/v1/for-me/digest"): _OPEN,
    ("GET", "/for-me"): _FOR_ME,
    ("POST", "/for-me"): _OPEN,
    # One case.
    ("GET", "/v1/cases/{key}"): _LOOK,
    ("GET", "/v1/cases/{key}/scores"): _LOOK,
    ("GET", "/v1/scores/{score_key}"): _LOOK,
    ("GET", "/v1/cases/{key}/decisions"): _LOOK,
    ("GET", "/v1/cases/{key}/views"): _LOOK,
    ("GET", "/v1/cases/{key}/notes"): _LOOK,
    ("POST", "/v1/cases/{key}/notes"): _DECIDE,
    ("POST", "/cases/{key}/notes"): _DECIDE,
    ("GET", "/v1/cases/{key}/reasons"): _LOOK,
    ("GET", "/v1/cases/{key}/incidents"): _LOOK,
    ("GET", "/v1/cases/{key}/movement"): _LOOK,
    ("GET", "/v1/cases/{key}/open-questions"): _LOOK,
    ("GET", "/v1/cases/{key}/narratives/{narrative_key}"): _LOOK,
    ("GET", "/cases/{key}/narratives/{narrative_key}"): _LOOK,
    ("GET", "/v1/cases/{key}/looks"): _SEE_LOOKS,
    ("GET", "/cases/{key}"): _LOOK,
    ("POST", "/v1/cases/{key}/decisions"): _DECIDE,
    ("POST", "/v1/cases/{key}/views"): _DECIDE,
    ("POST", "/v1/cases/{key}/views/{view_key}/confirm"): _DECIDE,
    ("POST", "/v1/cases/{key}/view-rounds"): _DECIDE,
    ("POST", "/v1/cases/{key}/view-rounds/{round_key}/end"): _DECIDE,
    ("POST", "/v1/cases/{key}/corrections"): _DECIDE,
    ("POST", "/v1/cases/{key}/answers"): _DECIDE,
    ("POST", "/cases/{key}/answers"): _DECIDE,
    ("GET", "/v1/corrections"): _LIST,
    ("POST", "/v1/corrections/{request_key}/answer"): _DECIDE,
    ("POST", "/cases/{key}/decide"): _DECIDE,
    ("POST", "/cases/{key}/views"): _DECIDE,
    ("POST", "/cases/{key}/views/confirm"): _DECIDE,
    ("POST", "/cases/{key}/round-table"): _DECIDE,
    ("POST", "/cases/{key}/ask-views"): _DECIDE,
    ("POST", "/cases/{key}/show-views"): _DECIDE,
    ("GET", "/cases/{key}/beside"): _LOOK,
    ("GET", "/cases/{key}/beside/{other_key}"): _LOOK,
    ("POST", "/cases/{key}/corrections"): _DECIDE,
    ("POST", "/cases/{key}/first-view"): _OPEN,
    ("POST", "/v1/cases/{key}/merge"): _MOVE,
    ("POST", "/v1/cases/{key}/split"): _MOVE,
    ("POST", "/v1/cases/{key}/transfer"): RouteRule(MOVERS, operation="alteration"),
    # Sealed cases.
    ("GET", "/v1/sealed"): _LIST,
    ("POST", "/v1/cases/{key}/seal"): _DECIDE,
    ("POST", "/v1/cases/{key}/unseal"): _DECIDE,
    ("GET", "/v1/sealed-flags"): _SEALED_FLAGS,
    ("POST", "/v1/sealed-flags/{flag_key}/open"): _OPEN_SEALED,
    ("GET", "/v1/seals"): _REVIEW_SEALS,
    ("POST", "/v1/seals/{confirmation_key}/people"): _CHANGE_SEALS,
    ("GET", "/sealed"): _LIST,
    ("GET", "/sealed-flags"): _SEALED_FLAGS,
    ("POST", "/sealed-flags/{flag_key}"): _OPEN_SEALED,
    ("GET", "/seals"): _REVIEW_SEALS,
    ("POST", "/seals/{confirmation_key}"): _CHANGE_SEALS,
    ("POST", "/cases/{key}/seal"): _DECIDE,
    ("POST", "/cases/{key}/unseal"): _DECIDE,
    # What waits for a second person.
    ("GET", "/v1/confirmations"): RouteRule(READERS, looks=True, standards=True),
    ("POST", "/v1/confirmations/{confirmation_key}"): RouteRule(
        READERS, operation="alteration", standards=True
    ),
    ("GET", "/v1/confirmations/{confirmation_key}/corrections"): RouteRule(
        READERS, looks=True, standards=True
    ),
    ("POST", "/corrections/{request_key}"): _DECIDE,
    ("GET", "/confirmations"): RouteRule(READERS, looks=True, standards=True),
    ("POST", "/confirmations/{confirmation_key}"): RouteRule(
        READERS, operation="alteration", standards=True
    ),
    # Parties to cases, and access that nothing explains: for professional standards alone.
    ("GET", "/v1/parties"): _LOOK_AT_PARTIES,
    ("POST", "/v1/parties/{case_key}"): _TIE,
    ("GET", "/parties"): _LOOK_AT_PARTIES,
    ("POST", "/parties"): _TIE,
    ("GET", "/v1/unexplained-access"): _LOOK_AT_PARTIES,
    ("GET", "/unexplained-access"): _LOOK_AT_PARTIES,
    # Urgent flags and first reads.
    ("GET", "/v1/duty"): _DUTY,
    ("POST", "/v1/duty/{raising_key}/acknowledge"): _ACKNOWLEDGE,
    ("GET", "/v1/first-reads"): _DUTY,
    ("POST", "/v1/cases/{key}/first-read"): _READ_FIRST,
    ("GET", "/urgent"): _DUTY,
    ("POST", "/urgent/{key}"): _ACKNOWLEDGE,
    ("POST", "/cases/{key}/first-read"): _READ_FIRST,
    # Figures of the whole unit, and the model.
    ("GET", "/v1/flags"): _FIGURES,
    ("GET", "/v1/findings"): _FIGURES,
    ("GET", "/v1/model"): RouteRule(EVERYBODY, "figures:read"),
    ("GET", "/v1/promotions"): RouteRule(EVERYBODY, "figures:read"),
    ("POST", "/v1/ordering"): RouteRule(("duty", ADMINISTRATOR), operation="alteration"),
    ("GET", "/v1/rescoring"): _FIGURES,
    ("GET", "/models"): RouteRule(EVERYBODY),
    ("POST", "/models/ordering"): RouteRule(("duty", ADMINISTRATOR), operation="alteration"),
    ("GET", "/data"): RouteRule(
        ("reviewer", DATA_SCIENTIST, AUDITOR, ADMINISTRATOR), whole_unit=True
    ),
    # Oversight.
    ("GET", "/v1/audit/lines"): _OVERSEE,
    ("POST", "/v1/audit/lines"): _OVERSEE,
    ("GET", "/v1/audit/unusual"): _OVERSEE,
    ("GET", "/v1/audit/check"): RouteRule((AUDITOR, ADMINISTRATOR)),
    ("GET", "/oversight"): _OVERSEE,
    ("POST", "/oversight"): _OVERSEE,
    # Help.
    ("GET", "/help"): RouteRule(EVERYBODY),
    ("GET", "/accessibility"): _PUBLIC,
    ("GET", "/example"): _PUBLIC,
    ("GET", "/print.css"): _PUBLIC,
    # Whether the service is well.
    ("GET", "/healthz"): _PUBLIC,
    ("GET", "/readyz"): _PUBLIC,
    ("GET", "/openapi.json"): _PUBLIC,
}
