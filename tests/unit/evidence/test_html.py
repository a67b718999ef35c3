from __future__ import annotations

import pytest

from ATPLibrary import secrets
from ATPLibrary.keywords.evidence.html import Shown, clock, page
from ATPLibrary.keywords.evidence.model import Evidence, Missing, SpiceChannelEvidence, SpiceEvidence, VmEvidence

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


def test_the_spice_client_s_picture_has_the_time_at_which_it_was_drawn() -> None:
    now, drawn = 1_800_000_000.0, 1_800_000_000.0 - 600
    channels = (SpiceChannelEvidence("display:0", "linked"),)

    def shown(spice: SpiceEvidence) -> str:
        vm = VmEvidence("win11", now, "running", Missing("none"), (), (), (), spice)
        return page(
            Evidence("Fail", (vm,)), [Shown(spice_file="evidence/x/1-win11-spice.png")], "Evidence", folded=False
        )

    text = shown(SpiceEvidence(channels, b"png", drawn))
    assert f"The SPICE client&#x27;s picture of win11, drawn last at {clock(drawn)}<" in text
    assert clock(now) not in text.split("SPICE session", 1)[1]
    assert "picture of win11, on which nothing was drawn yet<" in shown(SpiceEvidence(channels, b"png"))
