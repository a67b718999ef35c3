"""Build the guest agent into one runnable file: `python build.py OUT.pyz`.

The same source and the same Python minor version give the same bytes. Sources are stored with their byte code beside
them: a guest with the Python that built the file skips compiling (about 0.5 s without KVM); any other compiles the sources.
"""

from __future__ import annotations

import importlib.util
import io
import marshal
import struct
import sys
import zipfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parent / "src" / "atp_guest_agent"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNCHECKED_HASH = 1  # PEP 552: byte code that is taken as it is
_MAIN = """\
import sys

from atp_guest_agent.__main__ import main

sys.exit(main())
"""


def build(output: Path, source: Path = SOURCE) -> Path:
    """Write the agent in `source` as one .pyz to `output` and return that."""
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(pyz(source))
    output.chmod(0o755)
    return output


def pyz(source: Path = SOURCE, byte_code: bool = True) -> bytes:
    """The agent in `source` as one .pyz. Without `byte_code` it is the same whatever Python builds it."""
    members: dict[str, bytes] = {}
    for module in sorted(source.rglob("*.py")):
        _add(members, f"{source.name}/{module.relative_to(source).as_posix()}", module.read_bytes(), byte_code)
    _add(members, "__main__.py", _MAIN.encode(), byte_code)
    file = io.BytesIO()
    file.write(b"#!/usr/bin/env python3\n")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in sorted(members.items()):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.external_attr = 0o644 << 16
            info.create_system = 3
            archive.writestr(info, data)
    return file.getvalue()


def _add(members: dict[str, bytes], name: str, text: bytes, byte_code: bool) -> None:
    members[name] = text
    if not byte_code:
        return
    code = compile(text, name, "exec", dont_inherit=True, optimize=0)
    header = importlib.util.MAGIC_NUMBER + struct.pack("<I", _UNCHECKED_HASH) + importlib.util.source_hash(text)
    # Marshal's version 2 has no back references, which depend on what else the interpreter did: these bytes are the same each time.
    members[name + "c"] = header + marshal.dumps(code, 2)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python build.py OUT.pyz")
    print(build(Path(sys.argv[1])))
