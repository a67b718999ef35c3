"""A platform server is started again only in a lab that is up: anywhere else there is nothing that it could serve."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ATPLibrary.errors import LabError
from ATPLibrary.lab import processes
from ATPLibrary.lab.lab import Lab
from ATPLibrary.lab.processes import Process
from ATPLibrary.lab.state import LabPhase, LabState, boot_id

pytestmark = pytest.mark.unit

GONE = Process("libvirtd lab-a", 2**22 + 1, 1)


@pytest.mark.parametrize(
    ("phase", "some", "url"),
    [
        (None, (), ""),
        (LabPhase.STARTING, (), "http://127.0.0.1:1"),
        (LabPhase.UP, (), ""),  # a lab without a platform
        (LabPhase.UP, (GONE,), "http://127.0.0.1:1"),  # a host has ended
    ],
)
def test_a_lab_that_is_not_up_has_no_platform_to_start_again(
    tmp_path: Path, phase: LabPhase | None, some: tuple[Process, ...], url: str
) -> None:
    if phase is not None:
        LabState(phase, processes.of_pid("atp", os.getpid()), boot_id(), some, url).save(tmp_path)
    with pytest.raises(LabError, match=r"is not up with a platform\. Run 'atp lab up'"):
        Lab(tmp_path).restart_platform(print)
