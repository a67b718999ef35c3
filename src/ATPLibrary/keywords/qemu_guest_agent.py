"""Keywords about QEMU's guest agent (QGA) itself: whether it answers, and what it can."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError, VerificationError
from ATPLibrary.keywords.component import Component, named


class QemuGuestAgentKeywords(Component):
    @keyword(tags=["Command", "Assertion"])
    def guest_agent_should_be_ready(self, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Fails unless QEMU's guest agent in a VM answers.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: how long one answer may take; by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Guest Agent Should Be Ready
        """
        self._ready(vm, self.seconds(timeout, "command"))

    @keyword(tags=["Command"])
    def wait_until_guest_agent_is_ready(self, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Waits until QEMU's guest agent in a VM answers, so that `Run Command` works. A slow guest may need 100 s after a start.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Connect To VM    win11
        | Wait Until Guest Agent Is Ready    timeout=2 min
        | Run Command    uptime
        """
        self._ready(vm, self.seconds(timeout, "boot"))

    @keyword(tags=["Command", "Assertion"])
    def guest_agent_should_support(
        self, *commands: str, vm: str | None = None, timeout: timedelta | None = None
    ) -> None:
        """Fails unless QEMU's guest agent knows the commands and may carry them out. Being ready is another question:
        see `Guest Agent Should Be Ready`.

        - ``commands``: names of the agent's protocol, such as ``guest-exec``. Many guests forbid that one.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | Guest Agent Should Support    guest-exec    guest-file-open
        """
        if not commands:
            raise InputError("No command was named, so nothing would be proved: say which, such as guest-exec.")
        info = self.get_guest_info(vm, timeout)
        known = {each["name"]: each["enabled"] for each in info["supported_commands"]}
        missing = [
            f"{name} ({'forbidden' if name in known else 'unknown'})" for name in commands if not known.get(name)
        ]
        if missing:
            raise VerificationError.about(
                f"The guest agent {info['version']} of {named(vm)}",
                wanted=f"support {', '.join(commands)}",
                got=f"it doesn't: {', '.join(missing)}",
                next_step="What is forbidden stands in the guest's qemu-ga.conf (block-rpcs); what is unknown needs a newer agent",
            )

    @keyword(tags=["Command", "Getter"])
    def get_guest_info(self, vm: str | None = None, timeout: timedelta | None = None) -> dict[str, Any]:
        """Returns what QEMU's guest agent says about itself: its version, and the commands that it supports.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | ${info} =    Get Guest Info
        | Log    ${info}
        """
        seconds = self.seconds(timeout, "command")

        async def info() -> Any:
            machine = await self.machine(vm, seconds)
            return await (await machine.qga(seconds)).info(timeout=seconds)

        answer = self.wait(info(), seconds, f"The guest agent of {named(vm)}")
        logger.info(str(answer))
        return dict(answer) if isinstance(answer, dict) else answer

    def _ready(self, vm: str | None, seconds: float) -> None:
        async def ready() -> str:
            machine = await self.machine(vm, seconds)
            await (await machine.qga(seconds)).ready(seconds)
            return machine.name

        name = self.wait(ready(), seconds, f"The guest agent of {named(vm)}")
        logger.info(f"The guest agent of VM '{name}' answers.")
