"""Spreadsheets (Office Open XML, ECMA-376) of one sheet of texts: written for exports, read for imports."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterable, Sequence

from ATPLibrary.lab.platform.codes import Refusal, Status

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOST_BYTES = 8 * 1024 * 1024  # of a part, unpacked: a small file can be a large one within
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_DOCUMENT = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_SHEET = "xl/worksheets/sheet1.xml"
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_DOCUMENT}.sheet.main+xml"/>'
    f'<Override PartName="/{_SHEET}" ContentType="{_DOCUMENT}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="r1" Type="{_RELATION}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATION}">'
    '<sheets><sheet name="1" sheetId="1" r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="r1" Type="{_RELATION}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}


def write(rows: Iterable[Sequence[object]]) -> bytes:
    """The file with these rows, the first of which says what the columns are."""
    sheet = ET.Element("worksheet", {"xmlns": _MAIN})
    data = ET.SubElement(sheet, "sheetData")
    for number, row in enumerate(rows, 1):
        line = ET.SubElement(data, "row", {"r": str(number)})
        for column, value in enumerate(row):
            cell = ET.SubElement(line, "c", {"r": f"{_letters(column)}{number}", "t": "inlineStr"})
            ET.SubElement(ET.SubElement(cell, "is"), "t", {"xml:space": "preserve"}).text = _printable(str(value))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
        for name, text in _PARTS.items():
            package.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{text}')
        package.writestr(_SHEET, ET.tostring(sheet, encoding="UTF-8", xml_declaration=True))
    return file.getvalue()


def read(file: bytes) -> list[list[str]]:
    """The rows of the first sheet, without empty ones. A refusal where it is none."""
    try:
        with zipfile.ZipFile(io.BytesIO(file)) as package:
            names = package.namelist()
            shared = _shared(_part(package, "xl/sharedStrings.xml")) if "xl/sharedStrings.xml" in names else []
            first = min(name for name in names if re.fullmatch(r"xl/worksheets/sheet\d+\.xml", name))
            sheet = _part(package, first)
            rows = [_cells(row, shared) for row in sheet.iter(f"{{{_MAIN}}}row")]
    except (
        zipfile.BadZipFile,
        ET.ParseError,
        ValueError,
        IndexError,
        KeyError,
        NotImplementedError,
        EOFError,
    ) as error:
        raise Refusal("文件不是 Excel 表格 (not a spreadsheet: .xlsx is expected)", Status.BAD_REQUEST) from error
    return [row for row in rows if any(row)]


def _part(package: zipfile.ZipFile, name: str) -> ET.Element:
    if package.getinfo(name).file_size > MOST_BYTES:
        raise Refusal("表格过大 (the spreadsheet is too large)", Status.BAD_REQUEST)
    text = package.read(name)
    if b"<!DOCTYPE" in text:  # the only way to entities, and no spreadsheet has one
        raise ValueError("a document type")
    return ET.fromstring(text)


def _shared(strings: ET.Element) -> list[str]:
    return ["".join(text.text or "" for text in item.iter(f"{{{_MAIN}}}t")) for item in strings]


def _cells(row: ET.Element, shared: Sequence[str]) -> list[str]:
    cells: list[str] = []
    for cell in row.iter(f"{{{_MAIN}}}c"):
        column = _number(cell.get("r", "")) if cell.get("r") else len(cells)
        if column > 1000:
            raise ValueError("too many columns")
        cells += [""] * (column + 1 - len(cells))
        value = cell.findtext(f"{{{_MAIN}}}v") or ""
        if cell.get("t") == "inlineStr":
            value = "".join(text.text or "" for text in cell.iter(f"{{{_MAIN}}}t"))
        elif cell.get("t") == "s":
            value = shared[int(value)]
        cells[column] = value.strip()
    return cells


def _letters(column: int) -> str:
    """0 is A, 26 is AA."""
    text = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        text = chr(ord("A") + rest) + text
    return text


def _number(cell: str) -> int:
    number = 0
    name = re.match(r"[A-Z]{1,3}", cell)
    if name is None:
        raise ValueError("a cell without a column")
    for letter in name[0]:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _printable(text: str) -> str:
    """XML has no control characters."""
    return "".join(each for each in text if each.isprintable() or each in "\n\t")
