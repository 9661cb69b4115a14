"""A real browser over a real service: opened as somebody, and what it met while showing pages."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

SIZES = {1280: 900, 768: 1024, 375: 800}
"""Widths at which pages are looked at, with the heights of such screens."""
_REFUSED = re.compile(r"server responded with a status of 4\d\d")
"""What a browser says of a page that tells what is wrong: no complaint of ours."""


@contextmanager
def listening(app: FastAPI) -> Iterator[str]:
    """Serve an application on a free port of this machine; yield its address."""
    # Named, the protocol lets the server send each small answer at once.
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="warning"))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@contextmanager
def launched(chromium: str) -> Iterator[Browser]:
    """Start a real browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Seen:
    """What a browser met while it showed pages."""

    complaints: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Take note of what the page's browser says, and of every address that it asks for."""
        page.on("console", lambda said: self._complain(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: self._complain(str(error)))
        page.on("requestfailed", self._note_failure)
        page.on("request", lambda asked: self.addresses.append(asked.url))

    def _note_failure(self, asked: Request) -> None:
        # A page that a person leaves breaks off what it was still fetching.
        if asked.failure != "net::ERR_ABORTED":
            self._complain(f"failed: {asked.url}: {asked.failure}")

    def _complain(self, words: str) -> None:
        if not _REFUSED.search(words):
            self.complaints.append(words)


@dataclass
class Visitors:
    """Opens pages of one service, each as somebody with a browser of their own."""

    browser: Browser
    address: str
    seen: Seen = field(default_factory=Seen)
    contexts: list[BrowserContext] = field(default_factory=list)

    def __call__(self, path: str, role: str | None = "screener", **given: Any) -> Page:
        """Open a page signed in as a role; of nobody where ``role`` is ``None``."""
        usual: dict[str, Any] = {"base_url": self.address, "viewport": make_viewport(1280)}
        context = self.browser.new_context(**(usual | given))
        self.contexts.append(context)
        page = context.new_page()
        self.seen.watch(page)
        if role is not None:
            who = {"name": f"SYN {role}", "role": role, "agency": "police", "areas": ""}
            headers = {"origin": self.address}
            context.request.post("/sign-in", form=who, headers=headers, max_redirects=0)
        page.goto(path)
        return page

    def leave(self) -> None:
        """Close every browser; fail where one complained or asked another machine."""
        for context in self.contexts:
            context.close()
        away = [url for url in self.seen.addresses if not url.startswith(f"{self.address}/")]
        wrong = [*self.seen.complaints, *away]
        assert wrong == [], wrong


def make_viewport(width: int) -> dict[str, int]:
    """Return a screen of a width of ``SIZES``."""
    return {"width": width, "height": SIZES[width]}


def list_violations(page: Page) -> list[str]:
    """Return what the rules of axe object to, each with the first place."""
    found = Axe().run(page)
    return [
        f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:160]}"
        for one in found.response["violations"]
    ]


def open_folds(page: Page) -> None:
    """Open everything that a page folds away."""
    page.evaluate("document.querySelectorAll('main details').forEach(fold => fold.open = true)")
