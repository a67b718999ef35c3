"""`make docs`: an HTML page of each library and resource, an index that leads to them, and no reference into nothing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from itertools import zip_longest
from pathlib import Path
from urllib.parse import unquote

import pytest
from robot.libdocpkg import LibraryDocumentation

from ATPLibrary import LIBRARIES

pytestmark = pytest.mark.integration

PROJECT = Path(__file__).resolve().parents[3]
RESOURCES = sorted(path.stem for path in (PROJECT / "resources").rglob("*.resource"))


class Links(HTMLParser):
    """Every address that a page leads to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if tag == "a" and name == "href" and value]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that the script has built."""
    directory = tmp_path_factory.mktemp("docs")
    (directory / "Gone.html").write_text("of a library that is no more")
    command = [sys.executable, str(PROJECT / "scripts" / "docs.py"), str(directory)]
    ran = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=120, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    return directory


def test_there_is_a_page_of_each_library_and_resource_and_no_other(pages: Path) -> None:
    expected = {"index", "ATPLibrary", *(f"ATPLibrary.{name}" for name in LIBRARIES), *RESOURCES}
    assert {path.stem for path in pages.iterdir()} == expected
    assert RESOURCES


def test_the_index_leads_to_every_page_and_every_keyword(pages: Path) -> None:
    links = Links(pages / "index.html").found
    assert {link for link in links if "#" not in link} == {path.name for path in pages.glob("*.html")} - {"index.html"}
    keywords = {keyword.name for keyword in LibraryDocumentation("ATPLibrary").keywords}
    assert {unquote(link.partition("#")[2]) for link in links if "#" in link} == keywords
    assert {link.partition("#")[0] for link in links if "#" in link} == {"ATPLibrary.html"}


def test_the_page_of_the_facade_has_every_keyword(pages: Path) -> None:
    page = (pages / "ATPLibrary.html").read_text(encoding="utf-8")
    missing = [
        k.name for k in LibraryDocumentation("ATPLibrary").keywords if f'"name": {json.dumps(k.name)}' not in page
    ]
    assert missing == []


def test_every_reference_between_keywords_leads_to_one() -> None:
    doc = LibraryDocumentation("ATPLibrary")
    doc.convert_docs_to_html()
    dead = [
        f"{keyword.name}: {reference}"
        for keyword in doc.keywords
        for reference in re.findall(r'<span class="name">(.*?)</span>', keyword.doc)
    ]
    assert dead == []


def test_every_example_is_shown_as_it_is_written() -> None:
    """Stars and underscores would be taken for bold and italics; what a tester copies must run."""
    wrong = []
    for library in ("ATPLibrary", *(f"ATPLibrary.{name}" for name in LIBRARIES)):
        written, shown = LibraryDocumentation(library), LibraryDocumentation(library)
        shown.convert_docs_to_html()
        pairs = [(library, written.doc, shown.doc)]
        pairs += [(each.name, each.doc, html.doc) for each, html in zip(written.keywords, shown.keywords, strict=True)]
        for name, doc, html in pairs:
            # Five stars is how libdoc is told to show three.
            lines = [line[2:].replace("*****", "***") for line in doc.splitlines() if re.match(r"\|( |$)", line)]
            blocks = re.findall(r"<pre>\n?(.*?)</pre>", html, flags=re.DOTALL)
            seen = [line for block in blocks for line in unescape(re.sub(r"<[^>]*>", "", block)).splitlines()]
            wrong += [
                f"{name}: {one!r} is shown as {other!r}" for one, other in zip_longest(lines, seen) if one != other
            ]
    assert wrong == []
