"""Decides between KVM and TCG by what a guest does, not by what /dev/kvm claims.

/dev/kvm can be there, answer its version ioctl, and never run a guest (docs: FACTS.md). So the image's own kernel is booted
under KVM as a probe guest, with a deadline. The verdict is kept until the machine boots anew or /dev/kvm or QEMU changes.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ATPLibrary.errors import LabError
from ATPLibrary.lab.image import GuestImage
from ATPLibrary.lab.image.cache import cache_directory

Kind = Literal["kvm", "tcg"]

PROBE_SECONDS = 10.0
EXIT_SECONDS = 5.0
KVM_DEVICE = Path("/dev/kvm")
QEMU = "qemu-system-x86_64"
_ALIVE = b"atp-probe: alive"


@dataclass(frozen=True)
class Accelerator:
    """What runs the guests, and a sentence that says why."""

    kind: Kind
    reason: str


def decide(
    image: GuestImage, progress: Callable[[str], None], *, environ: Mapping[str, str] = os.environ
) -> Accelerator:
    """KVM if a probe guest really boots under it, else TCG. `$ATP_ACCEL` (`kvm` or `tcg`) overrides.

    Takes up to `PROBE_SECONDS` the first time after a boot of this machine. Raises LabError for another value of
    `$ATP_ACCEL`, and where QEMU is missing.
    """
    wanted = environ.get("ATP_ACCEL", "").strip().lower()
    if wanted in ("kvm", "tcg"):
        return Accelerator("kvm" if wanted == "kvm" else "tcg", f"ATP_ACCEL={wanted} says so")
    if wanted:
        raise LabError(f"ATP_ACCEL should be 'kvm' or 'tcg' but is '{wanted}'. Unset it to let a probe guest decide.")
    qemu = shutil.which(QEMU)
    if qemu is None:
        raise LabError(f"The lab needs {QEMU}, which isn't installed. Run scripts/setup.")
    if not KVM_DEVICE.exists():
        return Accelerator("tcg", f"there is no {KVM_DEVICE} on this machine: using TCG")
    if not os.access(KVM_DEVICE, os.R_OK | os.W_OK):
        return Accelerator("tcg", f"{KVM_DEVICE} is there, but this user may not open it (group kvm?): using TCG")
    verdicts = cache_directory(environ) / "accelerator.json"
    identity = _identity(qemu)
    if kept := _read(verdicts, identity):
        return kept
    progress(f"accelerator: {KVM_DEVICE} is there; booting a probe guest under KVM (at most {PROBE_SECONDS:g} s)")
    verdict = _probe(qemu, image)
    progress(f"accelerator: {verdict.reason}")
    _write(verdicts, identity, verdict)
    return verdict


def _probe(qemu: str, image: GuestImage) -> Accelerator:
    command = [qemu, "-accel", "kvm", "-machine", "pc", "-m", "96", "-nodefaults", "-no-user-config", "-no-reboot"]
    command += ["-display", "none", "-serial", "stdio", "-kernel", str(image.kernel), "-initrd", str(image.initrd)]
    command += ["-append", f"{image.cmdline} rdinit=/probe"]
    # The kernel ends the guest if this process is killed meanwhile; setpriv(1) becomes QEMU, so it stays our own child.
    guard = ["setpriv", "--pdeathsig", "KILL"]
    started = time.monotonic()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [*guard, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,  # Ctrl-C is ours to act on
        )
        try:
            output = _read_until_alive(process, started + PROBE_SECONDS)
            seconds = time.monotonic() - started
        finally:
            ended = _end(process)
        errors.seek(0)
        complaint = errors.read(4096).decode(errors="replace").strip()
    if _ALIVE in output:
        return Accelerator("kvm", f"a probe guest booted under KVM in {seconds:.1f} s: using KVM")
    there = f"{KVM_DEVICE} is there, but a probe guest"
    if seconds < PROBE_SECONDS:
        why = re.sub(r"\s+", " ", complaint) or "QEMU said nothing"
        return Accelerator("tcg", f"{there} ended after {seconds:.1f} s without booting ({why}): using TCG")
    said = "printed nothing" if not output.strip() else f"printed only '{_last_line(output)}'"
    stuck = "" if ended else f", and its QEMU (process {process.pid}) can't be killed"
    return Accelerator("tcg", f"{there} {said} within {PROBE_SECONDS:g} s{stuck}: using TCG")


def _read_until_alive(process: subprocess.Popen[bytes], deadline: float) -> bytes:
    """What the guest's serial port printed until it was alive, ended, or the deadline came."""
    assert process.stdout is not None
    output = b""
    while _ALIVE not in output:
        readable, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        if not readable:
            break
        chunk = os.read(process.stdout.fileno(), 65536)
        if not chunk:
            break
        output = (output + chunk)[-65536:]
    return output


def _end(process: subprocess.Popen[bytes]) -> bool:
    """Kill the probe guest. False if the host's kernel doesn't let go of it."""
    process.kill()
    try:
        process.wait(EXIT_SECONDS)
        return True
    except subprocess.TimeoutExpired:
        return False
    finally:
        if process.stdout is not None:
            process.stdout.close()


def _last_line(output: bytes) -> str:
    return output.decode(errors="replace").strip().splitlines()[-1][-120:]


def _identity(qemu: str) -> str:
    """Changes whenever the verdict might: another boot or kernel, another /dev/kvm, another QEMU."""
    device, program = KVM_DEVICE.stat(), Path(qemu).stat()
    parts = [
        Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        os.uname().release,
        f"{device.st_rdev} {device.st_ino} {device.st_ctime_ns}",
        f"{qemu} {program.st_size} {program.st_mtime_ns}",
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _read(file: Path, identity: str) -> Accelerator | None:
    try:
        kept = json.loads(file.read_text())
        if kept["identity"] == identity and kept["kind"] in ("kvm", "tcg"):
            return Accelerator(kept["kind"], str(kept["reason"]))
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def _write(file: Path, identity: str, verdict: Accelerator) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix="accelerator-", delete=False) as new:
        json.dump({"identity": identity, "kind": verdict.kind, "reason": verdict.reason}, new)
    Path(new.name).replace(file)
