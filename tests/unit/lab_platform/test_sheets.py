"""Spreadsheets: what was written is read again, as spreadsheet programs write it too; anything else is refused, not obeyed."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ATPLibrary.lab.platform import sheets
from ATPLibrary.lab.platform.codes import Refusal

pytestmark = pytest.mark.unit

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
TEXTS = st.text(st.characters(blacklist_categories=("C", "Z")), min_size=1, max_size=8)


def package(**parts: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as written:
        for name, text in parts.items():
            written.writestr(name, text)
    return file.getvalue()


@given(st.lists(st.lists(TEXTS, min_size=1, max_size=30), max_size=5))
def test_what_was_written_is_read_again(rows: list[list[str]]) -> None:
    assert sheets.read(sheets.write(rows)) == rows


def test_shared_strings_numbers_and_cells_that_are_left_out_are_read() -> None:
    sheet = (
        f'<worksheet {MAIN}><sheetData><row r="1"><c r="A1" t="s"><v>1</v></c><c r="C1"><v>42</v></c></row>'
        '<row r="2"/><row r="3"><c r="AB3" t="s"><v>0</v></c></row></sheetData></worksheet>'
    )
    shared = f"<sst {MAIN}><si><t>一</t></si><si><r><t>李</t></r><r><t>四</t></r></si></sst>"
    file = package(**{"xl/worksheets/sheet1.xml": sheet, "xl/sharedStrings.xml": shared})
    assert sheets.read(file) == [["李四", "", "42"], [*[""] * 27, "一"]]


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"PK\x03\x04 but no more",
        package(**{"a.txt": "no sheet"}),
        package(**{"xl/worksheets/sheet1.xml": "<not closed"}),
        package(**{"xl/worksheets/sheet1.xml": '<!DOCTYPE a [<!ENTITY b "c">]><worksheet/>'}),
        package(**{"xl/worksheets/sheet1.xml": f'<worksheet {MAIN}><row><c r="ZZZ1"/></row></worksheet>'}),
        package(**{"xl/worksheets/sheet1.xml": f'<worksheet {MAIN}><row><c r="1"/></row></worksheet>'}),
        package(**{"xl/worksheets/sheet1.xml": f'<worksheet {MAIN}><row><c t="s"><v>7</v></c></row></worksheet>'}),
        package(**{"xl/worksheets/sheet1.xml": " " * (sheets.MOST_BYTES + 1)}),
    ],
)
def test_what_is_no_spreadsheet_is_refused(file: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        sheets.read(file)
    assert refused.value.status == 400
