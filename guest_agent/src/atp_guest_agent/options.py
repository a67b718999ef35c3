"""What the agent is told: on its command line, and in a configuration file of lines `name = value`."""

from __future__ import annotations

import os

from atp_guest_agent.links.address import Address, AddressError

CONFIG_FILE = "/etc/atp-agent.conf"
LONGEST_FILE = 64 * 1024

USAGE = f"""\
usage: python agent.pyz [--connect URL]... [--port PATH_OR_NAME] [--token-file FILE] [--ca-file FILE] [--vm-id ID]
                        [--log FILE] [--config FILE] [--grab] [--version] [--systemd-unit]

Reports the input that this guest's kernel sees to the host's ATPLibrary.

  --connect URL        dial this service while no host has the port open: ws://HOST[:8765], tcp://HOST[:8766],
                       wss:// and tcp+tls:// (with TLS), unix:///PATH; several are tried in their order
  --port PATH_OR_NAME  virtio-serial port by name, or a path: character device, serial line, UNIX socket
                       (com.vmagent.sock); "none": no port
  --token-file FILE    the token to answer with (else DMI chassis_asset_tag, if it starts with atp-token:)
  --ca-file FILE       PEM certificates that the service's must be signed by (else the system's)
  --vm-id ID           this guest's id (else DMI product_serial, product_uuid, host name)
  --log FILE           write a log of at most 256 KiB there (else standard error)
  --grab               while a host watches, what is typed reaches nobody else in this guest
  --config FILE        lines "name = value" with the names above; what the command line says goes first
                       ({CONFIG_FILE}, if it is there)
  --version            print the version
  --systemd-unit       print a unit for systemd
"""

_NAMES = ("connect", "port", "token-file", "ca-file", "vm-id", "log", "config")
_FLAGS = ("grab",)  # in a file: yes or no
_ACTIONS = ("--version", "--help", "-h", "--systemd-unit")


class UsageError(Exception):
    """What was said can't be understood."""


class Options:
    """`action`: "--version", "--help", "--systemd-unit" or "" (run). What wasn't said is None; `connect` is a list of Address."""

    def __init__(self, action: str, values: dict[str, str], connect: list[Address]) -> None:
        self.action = action
        self.connect = connect
        self.port = values.get("port")
        self.token_file = values.get("token-file")
        self.ca_file = values.get("ca-file")
        self.vm_id = values.get("vm-id")
        self.log = values.get("log")
        self.grab = values.get("grab", "no") == "yes"


def read(arguments: list[str], default_file: str = CONFIG_FILE) -> Options:
    """The command line, and the configuration file that it names or that there is. Raises UsageError, and OSError for the file.

    (argparse and configparser cost more start-up than the agent itself.)
    """
    action, values, urls = _command_line(arguments)
    if action:
        return Options(action, {}, [])
    file = values.get("config", default_file)
    if "config" in values or os.path.exists(file):
        from_file, more_urls = _file(file)
        values = {**from_file, **values}
        urls = urls or more_urls
    try:
        return Options("", values, [Address(url) for url in urls])
    except AddressError as error:
        raise UsageError(str(error)) from None


def _command_line(arguments: list[str]) -> tuple[str, dict[str, str], list[str]]:
    values: dict[str, str] = {}
    urls: list[str] = []
    rest = list(arguments)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if name in _ACTIONS:
            return ("--help" if name == "-h" else name), {}, []
        if name[2:] in _FLAGS and name.startswith("--") and not equals:
            values[name[2:]] = "yes"
            continue
        if not name.startswith("--") or name[2:] not in _NAMES:
            raise UsageError(f"unknown argument {name!r}")
        if not equals:
            if not rest:
                raise UsageError(f"{name} needs a value")
            value = rest.pop(0)
        if name == "--connect":
            urls.append(value)
        else:
            values[name[2:]] = value
    return "", values, urls


def _file(path: str) -> tuple[dict[str, str], list[str]]:
    values: dict[str, str] = {}
    urls: list[str] = []
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read(LONGEST_FILE)
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, _, value = (part.strip() for part in line.partition("="))
        is_known = (name in _NAMES and name != "config") or (name in _FLAGS and value in ("yes", "no"))
        if not value or not is_known:
            raise UsageError(
                f"{path}, line {number}: {line.strip()[:100]!r} is no line `name = value` that the agent knows"
            )
        if name == "connect":
            urls += value.split()
        else:
            values[name] = value
    return values, urls
