"""Every route of the service, in one place."""

from typing import Final

from fastapi import APIRouter

from serving.api import (
    audit,
    cases,
    confirmations,
    decisions,
    duty,
    findings,
    imports,
    lists,
    models,
    moves,
    parties,
    promotions,
    reasons,
    records,
    scores,
    sealing,
    sign_in,
)
from serving.pages import (
    caseload_page,
    cases_page,
    confirmations_page,
    data_page,
    duty_page,
    help_page,
    list_page,
    model_page,
    oversight_page,
    pack_page,
    parties_page,
    print_marks,
    sealed_page,
    sign_in_page,
)
from serving.pages.case.notes_form import router as notes_router
from serving.pages.case.page import router as case_router

ROUTERS: Final[tuple[APIRouter, ...]] = (
    scores.router,
    sign_in.router,
    records.router,
    imports.router,
    moves.router,
    lists.router,
    duty.router,
    findings.router,
    models.router,
    promotions.router,
    audit.router,
    decisions.router,
    cases.router,
    reasons.router,
    sealing.router,
    confirmations.router,
    parties.router,
    list_page.router,
    pack_page.router,
    print_marks.router,
    duty_page.router,
    cases_page.router,
    case_router,
    notes_router,
    caseload_page.router,
    sealed_page.router,
    confirmations_page.router,
    parties_page.router,
    model_page.router,
    data_page.router,
    oversight_page.router,
    help_page.router,
    sign_in_page.router,
)
