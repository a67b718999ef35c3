"""Keywords about a VM's SPICE ports: bytes to and from a program in the guest, by way of the SPICE session."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from robot.api import logger
from robot.api.deco import keyword
from robot.api.types import Secret

from ATPLibrary.keywords.component import Component, named
from ATPLibrary.keywords.plain import bytes_for

_NOBODY = "Nothing was written: start the program in the guest that opens the port, or see why it has closed it"

PortState = Literal["opened", "closed"]


class SpicePortKeywords(Component):
    @keyword(name="Open SPICE Port", tags=["SPICE"])
    def open_spice_port(self, port: str | None = None, vm: str | None = None, timeout: timedelta | None = None) -> str:
        """Opens a port of a VM's SPICE server, by its name, and begins the session where there is none. Returns the name.

        The other half is a program in the guest, which opens the virtio-serial port of that name. Whether it has is told by
        `SPICE Port Should Be`.

        - ``port``: the port's name; not needed where the VM has one.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.connect`` of the configuration (30 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Port    com.example.spice
        """
        from ATPLibrary.orchestrator.spice_ports import open_port, port_of

        seconds = self.seconds(timeout, "connect")

        async def open_() -> tuple[str, bool]:
            opened = port_of(await open_port(self.workspace, await self.machine(vm, seconds), port, seconds))
            return opened.name, opened.opened

        name, is_open = self.wait(open_(), seconds, f"Opening a SPICE port of {named(vm)}")
        logger.info(f"SPICE port '{name}' is open here; {'a' if is_open else 'no'} program in the guest has it open.")
        return name

    @keyword(name="Close SPICE Port", tags=["SPICE"])
    def close_spice_port(
        self, port: str | None = None, vm: str | None = None, timeout: timedelta | None = None
    ) -> None:
        """Closes a SPICE port. What the guest has written and nobody has taken is lost.

        - ``port``: the port's name; not needed where one is open.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Port    com.example.spice
        | Close SPICE Port
        """
        from ATPLibrary.orchestrator.spice_ports import find_port

        seconds = self.seconds(timeout, "command")

        async def close() -> None:
            machine = await self.machine(vm, seconds)
            channel = find_port(self.workspace, machine, port).channel
            await self.workspace.spice_sessions.of(machine).close_channel(channel.type, channel.id)

        self.wait(close(), seconds, f"Closing a SPICE port of {named(vm)}")

    @keyword(name="Write To SPICE Port", tags=["SPICE"])
    def write_to_spice_port(
        self, text: str | Secret, port: str | None = None, vm: str | None = None, timeout: timedelta | None = None
    ) -> None:
        r"""Writes text, as UTF-8, to an open SPICE port, for a program in the guest to read.

        Waits until a program in the guest has the port open; where none has in time it fails, and nothing was written. That the
        program has read it is for its answer to say: `Expect On SPICE Port`.

        - ``text``: what to write, or a secret (``${PASSWORD: secret}``); a new line is ``\n``.
        - ``port``: the port's name; not needed where one is open.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Port    com.example.spice
        | Write To SPICE Port    hello\n
        """
        from ATPLibrary.orchestrator.spice_ports import find_port, port_of, until_port
        from ATPLibrary.transport.remaining import remaining

        seconds = self.seconds(timeout, "command")

        async def write() -> None:
            left = remaining(seconds)
            speaking = find_port(self.workspace, await self.machine(vm, seconds), port)
            await until_port(speaking, opened=True, timeout=left(), next_step=_NOBODY)
            found = port_of(speaking)
            found.pass_on(bytes_for(found, text))
            await speaking.pass_on("what is queued", left())

        self.wait(write(), seconds, f"Writing to a SPICE port of {named(vm)}")

    @keyword(name="Expect On SPICE Port", tags=["SPICE", "Assertion"])
    def expect_on_spice_port(
        self, text: str, port: str | None = None, vm: str | None = None, timeout: timedelta | None = None
    ) -> str:
        """Waits until the guest has written a text to an open SPICE port. Returns all up to its end, which is then taken.

        - ``text``: what must come; it can't be empty.
        - ``port``: the port's name; not needed where one is open.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Port    com.example.spice
        | ${answer} =    Expect On SPICE Port    ready    timeout=30 s
        """
        from ATPLibrary.keywords.spice_words import require_text, taken_up_to
        from ATPLibrary.orchestrator.spice_ports import find_port, port_of

        require_text(text)
        seconds = self.seconds(timeout, "command")

        async def expect() -> bytes:
            speaking = find_port(self.workspace, await self.machine(vm, seconds), port)
            return await taken_up_to(speaking, port_of(speaking).unread, text, seconds)

        return self.wait(expect(), seconds, f"Waiting for '{text}' on a SPICE port").decode("utf-8", "replace")

    @keyword(name="SPICE Port Should Be", tags=["SPICE", "Assertion"])
    def spice_port_should_be(
        self, state: PortState, port: str | None = None, vm: str | None = None, timeout: timedelta | None = None
    ) -> None:
        """Waits until a program in the guest has a SPICE port open, or none has. The port must be open here.

        Where a fault on purpose (`Drop Next Message` and the like) has harmed what the server told of that last, it fails: nobody
        knows then.

        - ``state``: ``opened`` or ``closed``, in the guest.
        - ``port``: the port's name; not needed where one is open.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Port    com.example.spice
        | SPICE Port Should Be    closed
        """
        from ATPLibrary.orchestrator.spice_ports import find_port, until_port

        seconds = self.seconds(timeout, "command")

        async def until() -> None:
            speaking = find_port(self.workspace, await self.machine(vm, seconds), port)
            await until_port(speaking, opened=state == "opened", timeout=seconds)

        self.wait(until(), seconds, f"Waiting for a SPICE port of {named(vm)}")
