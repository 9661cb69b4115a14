"""The pages of a viewing: a door, the list, one case. They change nothing but the access file."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.staticfiles import StaticFiles

from features.errors import ConfigError
from serving.folder_view.access_file import AccessFile
from serving.folder_view.entry_token import Door
from serving.folder_view.viewed_folder import ViewedFolder
from serving.pages.rendering import check_assets, find_template
from serving.settings import LOOPBACK_HOSTS
from serving.web.body_guard import BodyGuard
from serving.web.error_answers import FaultGuard
from serving.web.head_guard import HeadGuard
from serving.web.response_headers import HostGuard, SecurityHeaders

STATIC: Final = Path(__file__).parent.parent / "static"
_COOKIE: Final = "caselight-viewing"
_OPEN_TO_ALL: Final = ("/enter", "/static/")
_MOST_BODY_BYTES: Final = 2_000

_Next = Callable[[Request], Awaitable[Response]]


class _Pages:
    """Makes the pages of one viewing."""

    def __init__(self, viewed: ViewedFolder, access: AccessFile, door: Door) -> None:
        self._viewed, self._access, self._door = viewed, access, door

    async def guard(self, request: Request, call_next: _Next) -> Response:
        """Let nobody past the door who has not typed the token."""
        path = request.url.path
        entered = self._door.knows(request.cookies.get(_COOKIE, ""))
        if entered or path.startswith(_OPEN_TO_ALL):
            return await call_next(request)
        return RedirectResponse("/enter", 303)

    def show_unwritten(self, request: Request, error: Exception) -> Response:
        """Say that who looked could not be written down, so that nothing is shown."""
        return self._render(request, "problem.html", 503, problem=str(error))

    def show_door(self, request: Request) -> HTMLResponse:
        """Show the form that the token is typed into."""
        return self._render(request, "enter.html", closed=self._door.is_closed, wrong=False)

    def enter(
        self, request: Request, typed: Annotated[str, Form(alias="token", max_length=60)] = ""
    ) -> Response:
        """Open the door for whoever types the token, once."""
        was_closed = self._door.is_closed
        session = self._door.enter(typed)
        # Behind a closed door nobody makes the file grow.
        if not was_closed:
            self._access.add("entered" if session else "refused")
        if session is None:
            closed = self._door.is_closed
            return self._render(request, "enter.html", 403, closed=closed, wrong=not closed)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(_COOKIE, session, httponly=True, samesite="strict", path="/")
        return answer

    def show_list(self, request: Request) -> HTMLResponse:
        """Show the first cases in order of priority."""
        self._access.add("listed")
        return self._render(request, "list.html", rows=self._viewed.rows)

    def find(self, number: Annotated[str, Form(max_length=300)] = "") -> Response:
        """Lead to a ranked case by its number."""
        key = self._viewed.find(number.strip())
        return RedirectResponse("/cases/none" if key is None else f"/cases/{key}", 303)

    def show_case(self, request: Request, key: str) -> HTMLResponse:
        """Show one case; first it is written down that it is opened."""
        case_id = self._viewed.find_case(key)
        if case_id is None:
            return self._render(request, "problem.html", 404, problem="")
        self._access.add("case", case_id)
        return self._render(request, "case.html", found=self._viewed.describe(case_id))

    def _render(
        self, request: Request, template: str, status: int = 200, **content: Any
    ) -> HTMLResponse:
        viewed = self._viewed
        page = find_template(f"folder_view/{template}").render(
            cspNonce=request.state.csp_nonce,
            section=request.url.path.split("/")[1],
            synthetic=viewed.synthetic,
            bundle=viewed.bundle,
            wording=viewed.bundle.catalogue.wording,
            viewed=viewed,
            **content,
        )
        return HTMLResponse(page, status_code=status)


def create_viewing(viewed: ViewedFolder, access: AccessFile, door: Door) -> FastAPI:
    """Create the application of one viewing.

    Parameters
    ----------
    viewed
        What is shown.
    access
        Where it is written down who opens what, before it is shown.
    door
        Who may come in.

    Returns
    -------
    FastAPI
        To be served on this machine alone.

    Raises
    ------
    ConfigError
        If the page styles were not built.
    """
    check_assets(STATIC)
    pages = _Pages(viewed, access, door)
    app = FastAPI(
        title="Caselight view",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(HeadGuard),
            Middleware(HostGuard, hosts=LOOPBACK_HOSTS),
            Middleware(FaultGuard),
            Middleware(BodyGuard, max_bytes=_MOST_BODY_BYTES),
            Middleware(BaseHTTPMiddleware, dispatch=pages.guard),
        ],
    )
    app.add_exception_handler(ConfigError, pages.show_unwritten)
    app.get("/enter", response_class=HTMLResponse)(pages.show_door)
    app.post("/enter")(pages.enter)
    app.get("/", response_class=HTMLResponse)(pages.show_list)
    app.post("/find")(pages.find)
    app.get("/cases/{key}", response_class=HTMLResponse)(pages.show_case)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app
