"""Importing the package costs next to nothing: what is heavy comes with the first use."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.unit


def test_importing_the_package_imports_neither_httpx_nor_pydantic() -> None:
    code = "import sys, ATPLibrary.vdi; print(*sorted({'httpx', 'pydantic', 'ssl'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == ""


def test_every_public_name_is_there_and_an_unknown_one_is_an_attribute_error() -> None:
    import ATPLibrary.vdi as package

    for name in package._HOMES:
        assert getattr(package, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = package.Nothing
