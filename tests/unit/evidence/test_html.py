from __future__ import annotations

import pytest

from ATPLibrary import secrets
from ATPLibrary.keywords.evidence.html import Shown, page
from ATPLibrary.keywords.evidence.model import Evidence, Missing, VmEvidence

pytestmark = pytest.mark.unit

NASTY = "<script>alert(1)</script>\"'&"


def test_nothing_from_outside_reaches_the_log_unescaped() -> None:
    vm = VmEvidence(NASTY, 0.0, NASTY, Missing(NASTY), (NASTY,), (NASTY,), ())
    text = page(Evidence(NASTY, (vm,), (NASTY,), (NASTY,)), [Shown()], NASTY, folded=False)
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_secrets_are_redacted_everywhere() -> None:
    secret = secrets.Secret("hunter2-hunter2")
    word = secret.reveal()
    vm = VmEvidence(word, 0.0, word, Missing(word), (word,), (word,), ())
    text = page(Evidence(word, (vm,), (word,), (word,)), [Shown(problem=word)], word, folded=True)
    assert word not in text
    assert secrets.MASK in text


def test_a_linked_picture_without_thumbnail_is_loaded_when_it_is_looked_at() -> None:
    vm = VmEvidence("win11", 0.0, "running", b"png", (), (), ())
    text = page(Evidence("Fail", (vm,)), [Shown(file="evidence/x/1-win11.png")], "Evidence", folded=False)
    assert '<a href="evidence/x/1-win11.png"><img src="evidence/x/1-win11.png"' in text
    assert 'loading="lazy"' in text
