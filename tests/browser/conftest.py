"""Debian's Chromium, through Playwright: pages as readers have them, and all that they complain of."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.requirements import require

ROOT = Path(__file__).parent.parent.parent
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="session")
def demo() -> Path:
    """The page of the demo, which the README's first command makes."""
    page = ROOT / "results/report/index.html"
    if not page.is_file():
        require("no page of a run: `make test-browser` runs the demo first")
    return page


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Where pictures of pages are kept for a person to look at."""
    folder = ROOT / "results/screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser for a module: while it is open an event loop runs in this thread."""
    lacking = [name for name in ("playwright", "axe_playwright_python") if find_spec(name) is None]
    if lacking or CHROMIUM is None:
        require(f"no {', '.join(lacking) or 'chromium'}: `make test-browser` installs it")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        sandbox = [] if os.getuid() else ["--no-sandbox"]  # root cannot have one
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        yield found
        found.close()


class Opened:
    """A page, with what it complained of and what it asked the network for."""

    def __init__(self, page: Any, path: Path) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda said: self._note(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self._note(str(error)))
        page.on("dialog", lambda dialog: self._note(f"dialog: {dialog.message}"))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(path.as_uri())

    def _note(self, text: str) -> None:
        self.complaints.append(text)

    @property
    def leaving(self) -> list[str]:
        """Requests for more than files of this machine and what pages hold themselves."""
        return [url for url in self.requests if not url.startswith(("file:", "data:", "blob:"))]

    def violations(self) -> list[str]:
        """What axe-core finds that is serious or critical, with the first place of each."""
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.page).response["violations"]
        return [
            f"{one['id']}: {one['nodes'][0]['html'][:200]}"
            for one in found
            if one["impact"] in ("serious", "critical")
        ]


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Opened]]:
    """Open a page: `visit(path, viewport=WIDE, **options)`; the options are those of a context."""
    with ExitStack() as stack:

        def opened(path: Path, **options: Any) -> Opened:
            context = browser.new_context(**{"viewport": WIDE, **options})
            context.set_default_timeout(300_000)  # ms; in CI these tests stand back behind others
            stack.callback(context.close)
            return Opened(context.new_page(), path)

        yield opened
