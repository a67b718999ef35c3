"""Build the keyword documentation: an HTML page of every library and resource by libdoc, and an index of them.

.venv/bin/python scripts/docs.py [DIRECTORY]    (default: docs/keywords, which git ignores)
"""

from __future__ import annotations

import html
import sys
from dataclasses import dataclass
from pathlib import Path

from robot.libdoc import libdoc
from robot.libdocpkg import LibraryDocumentation

from ATPLibrary import LIBRARIES
from ATPLibrary.keywords.lifecycle import PACKAGE

PROJECT = Path(__file__).resolve().parent.parent
INDEX = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>ATPLibrary keywords</title>
<style>
body {{ font: 16px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222; background: #fff; }}
table {{ border-collapse: collapse; width: 100%; }}
td, th {{ text-align: left; vertical-align: top; padding: .4em 1em .4em 0; border-bottom: 1px solid #ddd; }}
td:nth-child(2) {{ text-align: right; }}
@media (prefers-color-scheme: dark) {{ body {{ color: #ddd; background: #1a1a1a; }} a {{ color: #7ab8ff; }} }}
</style></head><body>
<h1>ATPLibrary {version}</h1>
<p>A keyword means the same in each library that has it; <a href="ATPLibrary.html">ATPLibrary</a> has them all.</p>
<h2>Libraries</h2>
{libraries}
<h2>Resources: user keywords in plain language</h2>
{resources}
<h2>Every keyword</h2>
<p>{english}</p>
<h2 lang="zh">全部中文关键字</h2>
<p lang="zh">每个中文关键字都是一个英文关键字的另一个名字，两种可以在同一个套件中混用。</p>
<p lang="zh">{chinese}</p>
</body></html>
"""


@dataclass(frozen=True, slots=True)
class Page:
    """One page that was built."""

    file: str
    name: str
    summary: str
    keywords: tuple[str, ...]
    version: str


def main(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.glob("*.html"):
        old.unlink()
    names = [PACKAGE, *(f"{PACKAGE}.{name}" for name in LIBRARIES)]
    libraries = [build(name, name, directory) for name in names]
    resources = [build(str(path), path.stem, directory) for path in sorted((PROJECT / "resources").rglob("*.resource"))]
    keywords = libraries[0].keywords
    links = {
        keyword: f'<a href="{libraries[0].file}#{html.escape(keyword.replace(" ", "%20"))}">{html.escape(keyword)}</a>'
        for keyword in keywords
    }
    index = directory / "index.html"
    index.write_text(
        INDEX.format(
            version=html.escape(libraries[0].version),
            libraries=table(libraries),
            resources=table(resources),
            english=" · ".join(links[keyword] for keyword in keywords if keyword.isascii()),
            chinese=" · ".join(links[keyword] for keyword in keywords if not keyword.isascii()),
        ),
        encoding="utf-8",
    )
    print(f"{len(libraries)} libraries and {len(resources)} resources: {index}")


def build(source: str, name: str, directory: Path) -> Page:
    """One library or resource as NAME.html."""
    file = directory / f"{name}.html"
    if libdoc(source, str(file), quiet=True) != 0:
        sys.exit(f"libdoc failed on {source}; what is wrong stands above")
    doc = LibraryDocumentation(source)
    summary = " ".join(doc.doc.split("\n\n")[0].split()).replace("``", "").replace("`", "")
    return Page(file.name, name, summary, tuple(keyword.name for keyword in doc.keywords), doc.version)


def table(pages: list[Page]) -> str:
    rows = "".join(
        f'<tr><td><a href="{html.escape(page.file)}">{html.escape(page.name)}</a></td>'
        f"<td>{len(page.keywords)}</td><td>{html.escape(page.summary)}</td></tr>\n"
        for page in pages
    )
    return f"<table><tr><th>name</th><th>keywords</th><th>what for</th></tr>\n{rows}</table>"


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else PROJECT / "docs" / "keywords")
