"""The marks at the top and foot of every printed page: a stylesheet, made for who looks.

A browser that knows the margin boxes of CSS prints them on every page of every page of ours. In
others the mark stands at the top of the first page and the advisory line at the foot of the last,
as on the screen; a clinic pack has both on each sheet.
"""

from typing import Final

from fastapi import APIRouter, Request, Response

from features.contract.moments import format_moment
from serving.lists.sitting_opening import ADVISORY
from serving.pages.rendering import describe_moment
from serving.persons import Person
from serving.service import Service, ServiceDep

router = APIRouter(include_in_schema=False)
MARKING: Final = "OFFICIAL-SENSITIVE"
_PLAIN: Final = frozenset(" ,.:;()-")
_MOST_CHARACTERS: Final = 200


@router.get("/print.css")
def give_marks(request: Request, service: ServiceDep) -> Response:
    """Return the stylesheet of a printed page's margins: mark, advisory line, who and when."""
    bundle = service.champion.find()
    advisory = bundle.catalogue.wording["advisory"] if bundle else ADVISORY
    person: Person | None = getattr(request.state, "person", None)
    return Response(
        write_marks(advisory, _describe_shown(service, person)),
        media_type="text/css; charset=utf-8",
    )


def write_marks(advisory: str, shown: str) -> str:
    """Return the stylesheet.

    Parameters
    ----------
    advisory
        The sentence at the top and the foot of each page.
    shown
        To whom and when the page was shown.
    """
    mark, line = quote(MARKING), quote(advisory)
    return f"""@page {{
  size: A4; margin: 27mm 12mm 24mm;
  @top-left {{ content: {mark} "\\a " {line}; {_box("left", 72)} vertical-align: bottom; }}
  @top-right {{ content: {quote(shown)}; {_box("right", 28)} vertical-align: bottom; }}
  @bottom-left {{ content: {mark} "\\a " {line}; {_box("left", 80)} vertical-align: top; }}
  @bottom-right {{ content: "Page " counter(page) " of " counter(pages); {_box("right", 20)}
    vertical-align: top; }}
}}
"""


def _box(side: str, percent: int) -> str:
    return (
        f"width: {percent}%; text-align: {side}; white-space: pre-wrap; padding: 3mm 0; "
        "font: 8pt/1.3 Arial, Helvetica, sans-serif;"
    )


def quote(text: str) -> str:
    """Return a text as a string of CSS, in which no character of it can end the string."""
    kept = (one if one.isalnum() or one in _PLAIN else f"\\{ord(one):x} " for one in text)
    return '"' + "".join(kept) + '"'


def _describe_shown(service: Service, person: Person | None) -> str:
    told = "Caselight"
    if person is not None:
        told += f", shown to {person.name[:_MOST_CHARACTERS]}, {person.role.replace('_', ' ')}"
    if service.store is None or service.unit is None:
        return told
    moment = format_moment(service.store.clock(), service.unit.time_zone)
    return f"{told}, {describe_moment(moment)}"
