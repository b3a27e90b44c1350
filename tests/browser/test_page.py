"""The report in a browser: what readers do with it works, nothing is loaded, and everybody can read it."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jetsmith.io import read_json
from tests.browser.conftest import PHONE, ROOT, WIDE, Opened

pytestmark = pytest.mark.browser
SCRIPT = "workflow/jetsmith/report/script.html.j2"
Visit = Callable[..., Opened]
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": PHONE, "has_touch": True},
}


PLACE = """([x, y]) => {
  const {xaxis, yaxis} = document.getElementById("explorer-plot")._fullLayout;
  const box = document.getElementById("explorer-plot").getBoundingClientRect();
  return [box.x + xaxis._offset + xaxis.d2p(x), box.y + yaxis._offset + yaxis.d2p(y)];
}"""
"""Where a point of the curves is in the window."""


def explored(visit: Visit, page: Path, **options: Any) -> Opened:
    """A page whose ROC curves are drawn: they are when they come into sight."""
    opened = visit(page, **options)
    opened.page.locator("#explorer").scroll_into_view_if_needed()
    opened.page.wait_for_selector("#explorer-plot .trace", state="attached")
    return opened


def cells(table: Any, column: int) -> list[str]:
    """First lines of the cells of a column."""
    rows = table.locator("tbody tr").all()
    return [row.locator("th, td").nth(column).inner_text().split("\n")[0] for row in rows]


@pytest.mark.parametrize("look", LOOKS)
def test_page_is_sound(visit: Visit, demo: Path, screenshots: Path, look: str) -> None:
    """No errors, no request, nothing serious of axe-core, and no sideways scrolling; kept as a picture."""
    opened = explored(visit, demo, **LOOKS[look])
    assert opened.violations() == []
    width = opened.page.evaluate("document.documentElement.scrollWidth")
    assert width <= LOOKS[look].get("viewport", WIDE)["width"]
    opened.page.locator("#explorer-section").screenshot(path=screenshots / f"explorer_{look}.png")
    opened.page.evaluate("scrollTo(0, 0)")
    opened.page.screenshot(path=screenshots / f"page_{look}.png")
    assert opened.complaints == []
    assert opened.leaving == []


@pytest.mark.parametrize("look", LOOKS)
def test_pages_of_taggers_are_sound(visit: Visit, demo: Path, screenshots: Path, look: str) -> None:
    """The same of each tagger (in other looks of one); all are reached from the first page and lead back."""
    opened = visit(demo, **LOOKS[look])
    links = opened.page.locator("nav a[href^='taggers/']").all()
    names = {path.stem for path in (demo.parent / "taggers").glob("*.html")}
    assert {link.get_attribute("href") for link in links} == {f"taggers/{name}.html" for name in names}
    for name in sorted(names)[: len(names) if look == "light" else 1]:
        opened.page.goto((demo.parent / f"taggers/{name}.html").as_uri())
        assert opened.violations() == []
        assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    opened.page.evaluate("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
    opened.page.screenshot(path=screenshots / f"tagger_{look}.png", full_page=look == "light")
    opened.page.locator("header a").click()
    assert opened.page.url == demo.as_uri()
    assert opened.complaints == []
    assert opened.leaving == []


def test_links_lead_somewhere(visit: Visit, demo: Path) -> None:
    """Of all pages: each link is a place on the page, or a file of the results."""
    for path in (demo, *(demo.parent / "taggers").glob("*.html")):
        page = visit(path).page
        for link in page.locator("a[href]").all():
            address = link.get_attribute("href")
            if address.startswith("#"):
                assert page.locator(f"[id='{address[1:]}']").count() == 1, address
            else:
                file, _, place = address.partition("#")
                assert (path.parent / file).is_file(), address
                assert not place or f'id="{place}"' in (path.parent / file).read_text("utf-8"), address


def test_tables_are_sorted_by_a_click(visit: Visit, demo: Path) -> None:
    """Numbers as such, downwards first, with errors beside them; the third click brings the order back."""
    page = visit(demo).page
    table = page.locator("section[aria-labelledby=results] table").first
    before, areas = cells(table, 0), cells(table, 1)
    head = table.locator("thead button").first  # of the names
    head.focus()
    page.keyboard.press("Enter")
    assert table.locator("th[aria-sort=descending]").count() == 1
    assert cells(table, 0) == sorted(before, key=str.casefold, reverse=True)
    head.click()
    assert cells(table, 0) == sorted(before, key=str.casefold)
    head.click()
    assert cells(table, 0) == before
    assert table.locator("[aria-sort]").count() == 0
    area = table.locator("thead button").nth(1)
    area.click()
    area.click()

    def value(text: str) -> float:
        return float(text.split()[0])

    assert [value(text) for text in cells(table, 1)] == sorted(map(value, areas))


@pytest.mark.parametrize(
    "rising",
    [
        ("−3.5", "7 ± 2", "12%", "1,200", "–"),
        ("−1.2", "-0.30", "+0.05", "+0.30", "–"),
        ("980 B", "10.2 kB", "980.0 kB", "9.1 MB", "1.0 GB"),
        ("−1e−3", "< 1e−12", "5e-05", "0.2"),
    ],
    ids=["numbers", "signs", "sizes", "powers"],
)
def test_cells_are_sorted_as_numbers(visit: Visit, tmp_path: Path, rising: tuple[str, ...]) -> None:
    """Whichever way round; signs, thousands, per cent and units are numbers; those without one come last."""
    script = re.search(r"<script>\n.*</script>", (ROOT / SCRIPT).read_text("utf-8"), re.S)
    assert script is not None
    rows = "".join(f"<tr><td>{text}</td></tr>" for text in (*rising[1::2], *rising[::2]))
    text = f"<main><table><thead><tr><th>n</th></tr></thead><tbody>{rows}</tbody></table></main>{script[0]}"
    (tmp_path / "table.html").write_text(f"<!doctype html><meta charset=utf-8>{text}")
    page = visit(tmp_path / "table.html").page
    there = [text for text in rising if text != "–"]
    lacking = ["–"] * (len(rising) - len(there))
    page.locator("button").click()
    assert page.locator("td").all_inner_texts() == [*reversed(there), *lacking]
    page.locator("button").click()
    assert page.locator("td").all_inner_texts() == [*there, *lacking]


def test_find_hides_what_does_not_match(visit: Visit, demo: Path) -> None:
    """A name leaves its rows and figures; nothing is lost when the field is empty again."""
    page = visit(demo).page
    shown = "main section:not([hidden])"
    every = page.locator(shown).count(), page.locator("main figure:visible").count()
    name = page.locator("section[aria-labelledby=results] tbody th").first.inner_text()
    page.keyboard.press("/")
    page.keyboard.type(name)
    assert page.locator("#find").input_value() == name
    figures = page.locator("main figure:visible")
    assert 0 < figures.count() < every[1]
    for figure in figures.all():
        if not figure.evaluate(
            "(node, name) => node.closest('section').querySelector('h2').textContent.includes(name)", name
        ):
            whole = figure.inner_text() + figure.locator("img").get_attribute("alt")
            assert name.lower() in whole.lower()
    assert "rows and figures" in page.locator("#found").inner_text()
    page.locator("#find").fill("no such thing at all")
    assert page.locator(shown).count() == 0
    assert page.locator("#found").inner_text() == "Nothing found"
    page.keyboard.press("Escape")
    assert (page.locator(shown).count(), page.locator("main figure:visible").count()) == every


def test_roc_curves_are_chosen(visit: Visit, demo: Path) -> None:
    """Classes, range of pt and taggers: curve, table and hover say what the figures' files say."""
    opened = explored(visit, demo)
    page = opened.page
    files = sorted((demo.parent.parent / "plots/roc").rglob("*.json"))
    rocs = {}
    for path in files:
        roc = read_json(path)
        if roc["curves"]:
            rocs[roc["page"]["heading"]] = roc
    names = page.locator("#explorer-contrast option").all_inner_texts()
    assert set(names) == set(rocs)
    for name in names:
        page.locator("#explorer-contrast").select_option(label=name)
        roc = rocs[name]
        ranges = page.locator("#explorer-range option").all_inner_texts()
        assert ranges == ["all", *(f"{r['low_gev']:g} to {r['high_gev']:g} GeV" for r in roc["ranges"])]
        curves_of = [roc["curves"], *(one["curves"] for one in roc["ranges"])]
        for k in {0, len(ranges) // 2, len(ranges) - 1}:
            label, curves = ranges[k], curves_of[k]
            page.locator("#explorer-range").select_option(label=label)
            assert page.locator("#explorer-table tbody tr").count() == len(curves)
            lines = page.evaluate(
                "document.getElementById('explorer-plot').data.filter(t => t.name).map(t => [t.name, t.x])"
            )
            assert len(lines) == len(curves)
            drawn = dict(map(tuple, lines))
            for curve in curves:
                assert drawn[curve["title"]] == pytest.approx(
                    [100 * x for x in curve["signal_efficiency"]], rel=1e-3
                )
    page.locator("#explorer-contrast").select_option(label=names[0])
    page.locator("#explorer-range").select_option(label="all")
    first = page.locator("#explorer-table tbody input").first
    traces = "document.getElementById('explorer-plot').data.length"
    n = page.evaluate(traces)
    first.uncheck()
    assert page.evaluate(traces) < n
    first.check()
    assert page.evaluate(traces) == n
    page.locator("#explorer-bands").uncheck()
    assert page.evaluate(traces) == n - page.locator("#explorer-table tbody tr").count()
    curve = rocs[names[0]]["curves"][0]
    for row in page.locator(f"#explorer-table tr[data-tagger]:not([data-tagger={curve['tagger']}])").all():
        row.locator("input").uncheck()  # others might lie nearer
    page.locator("#explorer-plot").scroll_into_view_if_needed()
    k = len(curve["signal_efficiency"]) // 2
    x, y = page.evaluate(PLACE, [100 * curve["signal_efficiency"][k], curve["mistag"][k]])
    page.mouse.move(x - 30, y - 30)
    page.mouse.move(x, y, steps=5)
    page.wait_for_selector("#explorer-plot .hovertext", state="attached")
    said = page.locator("#explorer-plot .hovertext").text_content()
    points = zip(curve["signal_efficiency"], curve["mistag"], strict=True)
    near = [f"{100 * x:.2f}%" in said and f"mistag {y:.3g}" in said for x, y in points]
    assert any(near[k - 3 : k + 4])
    assert page.locator("#explorer-table tr.pointed").get_attribute("data-tagger") == curve["tagger"]
    assert opened.complaints == []


def test_page_prints_without_what_is_for_the_screen(visit: Visit, demo: Path) -> None:
    """Contents and tools stay out; results are there."""
    page = visit(demo).page
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert not page.locator("#explorer-section").is_visible()
    assert page.locator("#results").is_visible()


def test_without_scripts_all_numbers_are_there(visit: Visit, demo: Path) -> None:
    """Figures and tables need none; what does says so."""
    page = visit(demo, java_script_enabled=False).page
    assert page.locator("main figure").count() > 10
    assert page.locator("#results").is_visible()
    assert not page.locator("#explorer-tool").is_visible()
    assert "needs JavaScript" in page.locator("#explorer-section").inner_text()


def test_hostile_names_stay_text(visit: Visit, tmp_path: Path, demo: Path) -> None:
    """A title with a script, tags and entities runs nowhere: not in the page, not in its curves."""
    hostile = "<img src=x onerror=alert(1)><script>alert(2)</script>&lt;b&gt; \"q\" 's' </script>"
    text = demo.read_text("utf-8")
    data = re.search(r'id="explorer-data">(.*?)</script>', text, re.S)
    assert data is not None
    contrasts = json.loads(data[1])
    contrasts[0] |= dict.fromkeys(("title", "signal", "background"), hostile)
    for curve in contrasts[0]["ranges"][0]["curves"]:
        curve["title"] = hostile
    there = json.dumps(contrasts).replace("<", "\\u003c").replace("&", "\\u0026")
    (tmp_path / "hostile.html").write_text(text.replace(data[1], there), "utf-8")
    opened = explored(visit, tmp_path / "hostile.html")
    assert opened.page.locator("#explorer-table tbody th").first.inner_text() == hostile
    assert opened.page.locator("#explorer-section img").count() == 0
    assert opened.complaints == []


def test_these_tests_see_what_is_wrong(visit: Visit, tmp_path: Path, demo: Path) -> None:
    """A picture without a text, an address elsewhere and an error are found; the page refuses the address."""
    wrong = (
        '<img src="https://example.org/picture.png"><script>missing()</script><p style="color:#eee">pale</p>'
    )
    (tmp_path / "wrong.html").write_text(f"<!doctype html><html lang=en><title>t</title><main>{wrong}</main>")
    opened = visit(tmp_path / "wrong.html")
    assert {text.partition(":")[0] for text in opened.violations()} == {"image-alt", "color-contrast"}
    assert any("missing is not defined" in text for text in opened.complaints)
    assert opened.leaving == ["https://example.org/picture.png"]
    text = demo.read_text("utf-8").replace("<main", '<img src="https://example.org/x.png" alt="x"><main', 1)
    (tmp_path / "refused.html").write_text(text, "utf-8")
    opened = visit(tmp_path / "refused.html")
    assert any("Content Security Policy" in text for text in opened.complaints)
