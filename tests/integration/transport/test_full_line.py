"""A socket whose line of waiting clients is full: QEMU serves one client at a time and lets one more wait."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from ATPLibrary.errors import ChannelError
from ATPLibrary.transport import socket_channel

pytestmark = pytest.mark.integration


async def test_a_client_too_many_is_told_so_at_once(tmp_path: Path) -> None:
    path = tmp_path / "port"
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(str(path))
        busy.listen(1)
        waiting = [await socket_channel(path, 5.0) for _ in range(2)]
        with pytest.raises(ChannelError, match="other clients wait in line already"):
            await socket_channel(path, 5.0)
        for channel in waiting:
            await channel.close()
