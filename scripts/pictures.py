"""Make the pictures of the pages in `docs/pictures` anew, from the example unit, as people see it.

The example unit is made in a temporary folder, served, and looked at in a real browser. Every case
in it is invented.
"""

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.browser import find_chromium  # noqa: E402  # the line above makes it importable

PICTURES = ROOT / "docs" / "pictures"
WIDE, TALL = 1280, 900
TELEPHONE = 375
SHEET = (820, 1060)
"""About the shape of a sheet of paper."""
MADE_WITHIN_SECONDS = 600


@dataclass(frozen=True)
class Picture:
    """A picture: who looks, where they go, and how large their screen is."""

    role: str
    go: Callable[[Page], object]
    width: int = WIDE
    height: int = TALL


def open_path(path: str) -> Callable[[Page], object]:
    """Return a way to a page by its address."""
    return lambda page: page.goto(path)


def open_case(page: Page) -> None:
    """Go from the list to the first case that nobody has decided on and that is not blind."""
    page.goto("/")
    rows = page.get_by_role("row").filter(has_text="Not yet")
    rows.filter(has_not_text="Your own view first").first.get_by_role("link").first.click()


def open_timeline(page: Page) -> None:
    """Go on from a case to the records behind its first reason."""
    open_case(page)
    page.locator("#reason-1 .caselight-evidence a").first.click()
    page.get_by_role("heading", name="Timeline").scroll_into_view_if_needed()
    page.evaluate("document.getElementById('timeline').scrollIntoView()")


def open_sheet(page: Page) -> None:
    """Look at a clinic pack's first sheet as it is printed."""
    page.goto("/pack")
    page.emulate_media(media="print")
    sheets = page.locator(".caselight-sheet").filter(has_text="What moved the score up")
    sheets.first.evaluate("sheet => sheet.scrollIntoView()")


PAGES = {
    "list": Picture("screener", open_path("/")),
    "case": Picture("screener", open_case),
    "timeline": Picture("screener", open_timeline),
    "telephone": Picture("screener", open_case, TELEPHONE, 800),
    "pack": Picture("screener", open_sheet, *SHEET),
    "urgent": Picture("duty", open_path("/urgent")),
    "caseload": Picture("screener", open_path("/caseload")),
    "models": Picture("data_scientist", open_path("/models")),
    "data": Picture("administrator", open_path("/data")),
    "oversight": Picture("auditor", open_path("/oversight")),
}


def main() -> int:
    """Make every picture; return 1 where there is no browser."""
    chromium = find_chromium()
    if chromium is None:
        print("No Chromium is installed, so no picture can be made; install it and run again.")
        return 1
    PICTURES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as place,
        serving(Path(place)) as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, picture in PAGES.items():
            take(browser, address, picture, PICTURES / f"{name}.png")
            print(f"made docs/pictures/{name}.png")
        take_report(browser, Path(place) / "bundle" / "report.html")
        print("made docs/pictures/report.png")
        browser.close()
    return 0


@contextmanager
def serving(place: Path) -> Iterator[str]:
    """Make the example unit in a folder and serve it; yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "caselight", "demo", "--folder", str(place), "--port"]
    process = subprocess.Popen(
        [*command, str(port)], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        await_port(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


def await_port(process: "subprocess.Popen[bytes]", port: int) -> None:
    """Wait until something listens.

    Raises
    ------
    SystemExit
        If nothing does within ten minutes, or the command ended.
    """
    until_s = time.monotonic() + MADE_WITHIN_SECONDS
    while time.monotonic() < until_s and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.5)
    raise SystemExit("the example unit was not served; `make run` tells why")


def take(browser: Browser, address: str, picture: Picture, path: Path) -> None:
    """Take one picture, signed in as its role."""
    screen = {"width": picture.width, "height": picture.height}
    context = browser.new_context(
        base_url=address,
        viewport=screen,  # type: ignore[arg-type]
        locale="en-GB",
        reduced_motion="reduce",
    )
    who = {"name": "SYN Reader", "role": picture.role, "agency": "police", "areas": ""}
    context.request.post("/sign-in", form=who, headers={"origin": address}, max_redirects=0)
    page = context.new_page()
    picture.go(page)
    page.screenshot(path=path)
    context.close()


def take_report(browser: Browser, report: Path) -> None:
    """Take a picture of the first lines of the training run's report."""
    page = browser.new_page(viewport={"width": 1000, "height": TALL})
    page.goto(report.as_uri())
    page.screenshot(path=PICTURES / "report.png")
    page.close()


if __name__ == "__main__":
    sys.exit(main())
