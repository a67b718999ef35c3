"""The agent's greeting: who answers, what it can do, and whether it is the agent that we mean."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ATPLibrary.errors import AgentError
from ATPLibrary.secrets import Secret
from ATPLibrary.verifier.observation import AgentDevice

PROTOCOL = 1


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

    @classmethod
    def from_wire(cls, message: Mapping[str, Any], vm_name: str, token: Secret | None) -> AgentHello:
        """Raises `AgentError` when it speaks another protocol, carries another token than `token`, or can't be read."""
        subject = f"The agent of VM '{vm_name}'"
        if message.get("protocol") != PROTOCOL:
            raise AgentError.about(
                subject,
                wanted=f"speak protocol {PROTOCOL}",
                got=f"speaks {message.get('protocol')!r} (version {message.get('version')!r})",
                next_step="Install the agent that belongs to this ATPLibrary in the guest",
            )
        theirs = message.get("token")
        if token is not None and not hmac.compare_digest(str(theirs or "").encode(), token.reveal().encode()):
            raise AgentError.about(
                subject,
                wanted="carry the token of this VM",
                got="carries none" if not theirs else "carries another one: this may be another guest",
                next_step="Compare the token in the configuration (agent: token) or the domain's SMBIOS chassis asset tag with "
                "the agent's --token-file in the guest",
            )
        try:
            devices = [AgentDevice.from_wire(device) for device in message["devices"]]
            return cls(
                version=str(message.get("version", "")),
                vm_id=str(message.get("vm_id", "")),
                vm_id_source=str(message.get("vm_id_source", "")),
                boot_id=str(message.get("boot_id", "")),
                capabilities=frozenset(str(name) for name in message.get("capabilities", ())),
                devices={device.id: device for device in devices},
                next_seq=int(message["next_seq"]),
                monotonic_us=int(message.get("monotonic_us", 0)),
                realtime_us=int(message.get("realtime_us", 0)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise AgentError.about(
                subject,
                wanted="greet as docs/agent-protocol.md says",
                got=f"sent a hello that can't be read: {error!r}",
                next_step="Install the agent that belongs to this ATPLibrary in the guest",
            ) from error
