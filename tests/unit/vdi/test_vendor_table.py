"""The table of the vendor's operations in the documentation."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

REPOSITORY = Path(__file__).parents[3]
PAGE = REPOSITORY / "docs" / "vendor-operations.md"


def test_the_table_is_what_the_script_writes(vendor_file: Path) -> None:
    command = [sys.executable, str(REPOSITORY / "scripts" / "vendor_operations.py"), "--check"]
    environment = {**os.environ, "ATP_VENDOR_DIR": str(vendor_file.parent)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    assert done.returncode == 0, done.stderr


def test_no_sentence_of_the_vendor_is_in_the_table() -> None:
    """Titles are the client's own: the vendor's are in Chinese."""
    text = PAGE.read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if any("\u4e00" <= character <= "\u9fff" for character in line)] == []
