"""What libvirt and the images know of a platform's VMs."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import libvirt


class Behind:
    """What libvirt knows, behind the platform's back. VMs are called by their names, whatever host they are on."""

    def __init__(self, lab: Any) -> None:
        self._lab = lab

    @contextlib.contextmanager
    def domain(self, name: str) -> Any:
        for number in range(len(self._lab.hosts)):
            with contextlib.closing(self._lab.libvirt(number)) as connection:
                for domain in connection.listAllDomains():
                    if domain.name() == name:
                        yield domain
                        return
        raise LookupError(f"libvirt has no {name!r}: {self._lab.left()}")

    def state(self, name: str) -> int:
        with self.domain(name) as domain:
            return int(domain.state()[0])

    def xml(self, name: str) -> str:
        with self.domain(name) as domain:
            return str(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))

    def disk(self, name: str) -> Path:
        """The file that it boots from."""
        found = re.search(r"source file='([^']*disk\.qcow2)'", self.xml(name))
        assert found
        return Path(found[1])

    def disks(self, name: str) -> list[Path]:
        """The files of all its disks."""
        found = re.findall(r"device='disk'.*?source file='([^']*)'", self.xml(name), re.S)
        return [Path(each) for each in found]

    def gib(self, path: Path) -> float:
        """How large the guest sees that image."""
        return float(self._image(path)["virtual-size"]) / 1024**3

    def live_xml(self, name: str) -> str:
        with self.domain(name) as domain:
            return str(domain.XMLDesc(0))

    def starts_with_open_tray(self, name: str) -> None:
        """Start the VM with the tray of its only drive open, as libvirt knows: the firmware closes it without a word."""
        import libvirt_qemu

        def ask(command: str, **arguments: Any) -> Any:
            question = json.dumps({"execute": command, "arguments": arguments})
            return json.loads(libvirt_qemu.qemuMonitorCommand(domain, question, 0))["return"]

        def is_open() -> bool:
            (tray,) = (block["tray_open"] for block in ask("query-block") if "tray_open" in block)
            return bool(tray)

        with self.domain(name) as domain:
            domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
            ask("blockdev-open-tray", id="ide0-0-0")
            assert is_open()
            domain.resume()
            deadline = time.monotonic() + 30
            while is_open():
                assert time.monotonic() < deadline, "the firmware never reset the drive"
            assert "tray='open'" in domain.XMLDesc(0)

    def snapshots(self, name: str) -> int:
        with self.domain(name) as domain:
            return len(domain.listAllSnapshots())

    def backing(self, name: str) -> str:
        """What its disk is an overlay over; "" for a whole disk."""
        return str(self._image(self.disk(name)).get("backing-filename", ""))

    def _image(self, path: Path) -> dict[str, Any]:
        command = ["qemu-img", "info", "-U", "--output=json", str(path)]
        return dict(json.loads(subprocess.run(command, check=True, capture_output=True, timeout=30).stdout))

    def write(self, name: str, pattern: int) -> None:
        """Fill the first 512 bytes of its disk, which must be off."""
        self._io(name, f"write -P {pattern} 0 512")

    def holds(self, name: str, pattern: int) -> bool:
        return "Pattern verification failed" not in self._io(name, f"read -P {pattern} 0 512")

    def _io(self, name: str, command: str) -> str:
        ran = subprocess.run(
            ["qemu-io", "-c", command, str(self.disk(name))], check=False, capture_output=True, text=True, timeout=30
        )
        assert "bytes at offset 0" in ran.stdout or "Pattern verification" in ran.stdout, ran
        return ran.stdout + ran.stderr

    def is_saved(self, name: str) -> bool:
        with self.domain(name) as domain:
            return bool(domain.hasManagedSaveImage())
