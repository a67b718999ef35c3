"""Runs one command and buries every orphan below it at once: `python -I -S reaper.py COMMAND...`, standard library only.

libvirt leaves its QEMU processes to process 1 and, to destroy a VM, waits until the kernel has forgotten the pid. In containers
process 1 buries the dead late (a destroy then takes seconds) or never (it fails). As a "child subreaper" (prctl(2)) this process
is their parent instead. It passes SIGTERM on, and ends as the command ends.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from types import FrameType

_PR_SET_CHILD_SUBREAPER = 36


def main(command: list[str]) -> int:
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        print(f"reaper: prctl: {os.strerror(ctypes.get_errno())}", file=sys.stderr)
    # A SIGTERM that comes before there is somebody to pass it on to waits: else we would end and leave the command behind.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    # The child gets the descriptors that we were given (a listening socket among them); Python would close none but its own.
    pid = os.posix_spawnp(command[0], command, os.environ, setsigmask=mask)

    def pass_on(number: int, frame: FrameType | None) -> None:
        os.kill(pid, number)

    signal.signal(signal.SIGTERM, pass_on)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    while True:
        ended, status = os.wait()
        if ended == pid:
            break
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
