"""The agent's greeting: who answers, what it can do, and whether it is the agent that we mean."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ATPLibrary.errors import AgentError
from ATPLibrary.secrets import Secret
from ATPLibrary.verifier.fields import MALFORMED, MOST_DEVICES, listed, shown, text, whole
from ATPLibrary.verifier.observation import AgentDevice

PROTOCOL = 1
# What an agent can may depend on the moment: whether the kernel tells it of devices.
_THAT_COMES = frozenset({"hotplug"})


@dataclass(frozen=True, slots=True)
class AgentHello:
    version: str
    vm_id: str
    vm_id_source: str  # "dmi_serial", "dmi_uuid", "hostname"
    boot_id: str
    capabilities: frozenset[str]
    devices: Mapping[int, AgentDevice]
    next_seq: int
    monotonic_us: int
    realtime_us: int

    def is_another_program_than(self, other: AgentHello) -> bool:
        """Whether these two can't be the same agent's: an agent that is only started again says the same of itself."""
        ours = self.version, self.vm_id, self.capabilities - _THAT_COMES
        return ours != (other.version, other.vm_id, other.capabilities - _THAT_COMES)

    def started_after(self, other: AgentHello) -> bool:
        """Whether its process began after `other` was said, in the same boot: numbers begin with that moment, in milliseconds."""
        return self.boot_id == other.boot_id and self.next_seq >= other.monotonic_us // 1000

    @classmethod
    def from_wire(cls, message: Mapping[str, Any], vm_name: str, token: Secret | None) -> AgentHello:
        """Raises `AgentError` when it speaks another protocol, carries another token than `token`, or can't be read."""
        subject = f"The agent of VM '{vm_name}'"
        if message.get("protocol") != PROTOCOL:
            raise AgentError.about(
                subject,
                wanted=f"speak protocol {PROTOCOL}",
                got=f"speaks {shown(message.get('protocol'))} (version {shown(message.get('version'))})",
                next_step="Install the agent that belongs to this ATPLibrary in the guest",
            )
        theirs = message.get("token")
        # Compared whatever it is: no text that can't be encoded, and no other type, is the token.
        spelled = (theirs if isinstance(theirs, str) else "").encode("utf-8", "surrogatepass")
        if token is not None and not hmac.compare_digest(spelled, token.reveal().encode()):
            raise AgentError.about(
                subject,
                wanted="carry the token of this VM",
                got="carries none" if not theirs else "carries another one: this may be another guest",
                next_step="Compare the token in the configuration (agent: token) or the domain's SMBIOS chassis asset tag with "
                "the agent's --token-file in the guest",
            )
        try:
            devices = [AgentDevice.from_wire(device) for device in listed(message["devices"], MOST_DEVICES)]
            return cls(
                version=text(message.get("version")),
                vm_id=text(message.get("vm_id")),
                vm_id_source=text(message.get("vm_id_source")),
                boot_id=text(message.get("boot_id")),
                capabilities=frozenset(text(name) for name in message.get("capabilities") or ()),
                devices={device.id: device for device in devices},
                next_seq=whole(message["next_seq"]),
                monotonic_us=whole(message.get("monotonic_us", 0)),
                realtime_us=whole(message.get("realtime_us", 0)),
            )
        except MALFORMED as error:
            raise AgentError.about(
                subject,
                wanted="greet as docs/agent-protocol.md says",
                got=f"sent a hello that can't be read: {error!r}",
                next_step="Install the agent that belongs to this ATPLibrary in the guest",
            ) from error
