"""The unit with which systemd keeps the agent running: `python agent.pyz --systemd-unit >/etc/systemd/system/atp-agent.service`."""

from __future__ import annotations

import os

PLACE = "/usr/local/lib/atp-agent/agent.pyz"

_UNIT = """\
# ATP guest agent. Its settings are in /etc/atp-agent.conf, if that is there (python3 {place} --help).
[Unit]
Description=ATP guest agent: tells the host's ATPLibrary which input this guest saw
# No limit of starts: a guest may be without its agent's host for as long as it likes.
StartLimitIntervalSec=0

[Service]
ExecStart={python} -I -S {place}
Restart=always
RestartSec=1
# The moments that it reports are the kernel's own, but who waits for them waits for it.
Nice=-5
OOMScoreAdjust=-500
MemoryMax=64M
TasksMax=8
UMask=0077

# It reads input devices, DMI and its own files, and talks to the host. Root's files are enough for that, without root's powers.
CapabilityBoundingSet=
NoNewPrivileges=yes
DevicePolicy=closed
DeviceAllow=char-input r
DeviceAllow=char-virtio-portsdev rw
DeviceAllow=char-ttyS rw
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""


def unit(python: str, started: str) -> str:
    """The unit's text: `python` runs the agent, which lies where it was `started` from, if that is a file, else at `PLACE`."""
    place = os.path.abspath(started) if started.endswith(".pyz") else PLACE
    return _UNIT.format(python=python or "/usr/bin/python3", place=place)
