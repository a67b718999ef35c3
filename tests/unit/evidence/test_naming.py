from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ATPLibrary.keywords.evidence.naming import LONGEST_BYTES, file_name

pytestmark = pytest.mark.unit


@given(st.text())
@example("..")
@example("../../etc/passwd")
@example("\ud800")
@example("CON")
@example("é" * 300)
@example("👩‍👩‍👧‍👦" * 60)
def test_any_text_becomes_one_safe_path_component(text: str) -> None:
    name = file_name(text)
    assert 0 < len(name.encode()) <= LONGEST_BYTES
    assert Path(name).name == name
    assert name not in (".", "..")
    assert not name.startswith((".", "-"))
    assert not set(name) & set('\\/:*?"<>|#%&\0\n\r\t ')


def test_a_name_in_chinese_stays_readable() -> None:
    assert file_name("测试桌面池 创建") == "测试桌面池_创建"


def test_names_that_were_cut_still_differ() -> None:
    first, second = file_name("很长" * 200 + "一"), file_name("很长" * 200 + "二")
    assert first != second
    assert first.startswith("很长很长")


def test_a_cut_never_parts_a_character_from_its_marks() -> None:
    text = "a" + "q\u0323\u0307" * 100  # a letter with two marks that has no composed form
    kept = file_name(text).rsplit("~", 1)[0]
    assert unicodedata.normalize("NFC", text)[len(kept)] == "q"


def test_composed_and_decomposed_text_give_one_name() -> None:
    assert file_name("cafe\u0301") == file_name("caf\u00e9")
