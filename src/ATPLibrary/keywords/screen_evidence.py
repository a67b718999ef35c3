"""Pictures side by side in the log: small there, whole in files of their own beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from robot.api import logger

from ATPLibrary import secrets
from ATPLibrary.keywords.evidence import files, screen

if TYPE_CHECKING:
    from PIL.Image import Image

THUMBNAIL_WIDTH = 300
_CELL = "padding:2px 8px;text-align:left;border:0"


def show_pictures(title: str, pictures: Mapping[str, Image | None]) -> None:
    """Log the pictures that there are, each under its name. Files go where a failure's evidence goes.

    A run without a directory to write to gets them embedded, made small.
    """
    from robot.libraries.BuiltIn import BuiltIn, RobotNotRunningError

    from ATPLibrary.protocol.screen.picture import as_png

    pngs = {name: as_png(picture) for name, picture in pictures.items() if picture is not None}
    try:
        variables = BuiltIn().get_variables(no_decoration=True)
    except RobotNotRunningError:
        return
    place = files.place(*(str(variables.get(name, "")) for name in ("OUTPUT_DIR", "LOG_FILE", "OUTPUT_FILE")))
    cells = []
    try:
        if place is not None:
            suite = str(variables.get("SUITE_NAME", "")).rpartition(".")[2]
            directory = files.Directory(place, suite, str(variables.get("TEST_NAME", "setup or teardown")))
            links = [directory.write_picture(number, name, png) for number, (name, png) in enumerate(pngs.items(), 1)]
            cells = [_linked(name, link) for name, link in zip(pngs, links, strict=True)]
    except OSError as error:
        logger.info(f"The pictures could not be written: {error}")
    if not cells:
        cells = [_cell(name, f'<img src="{screen.thumbnail(png)}">') for name, png in pngs.items()]
    from html import escape

    heading = escape(secrets.redact(title))
    logger.info(f'<b>{heading}</b><table style="border:0"><tr>{"".join(cells)}</tr></table>', html=True)


def _linked(name: str, link: str) -> str:
    from html import escape

    image = f'<img src="{escape(link)}" alt="{name}" width="{THUMBNAIL_WIDTH}" loading="lazy" style="border:1px solid #888">'
    return _cell(name, f'<a href="{escape(link)}">{image}</a>')


def _cell(name: str, content: str) -> str:
    return f'<td style="{_CELL}">{name}<br>{content}</td>'
