"""Runs on a Windows (or Wine) Python: installs the agent's service, is the host of the agent that it keeps, prints what came of it.

    python.exe wine_service_driver.py AGENT.PYZ

What it prints is one JSON object.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from wine_driver import PATIENCE, Host, TcpHost, key, send

STATUS = 7  # of an agent that is ended
LOGS = "C:\\ProgramData\\ATP"


def service(agent, *words):
    """The exit status, and what it complained of."""
    command = [sys.executable, "-I", "-S", agent, "service", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    return [done.returncode, done.stderr]


def greeted(line):
    """The host of the agent that dials now, and who it says that it is."""
    line.accept()
    host = Host(line)
    return host, host.ask("hello", type="hello", nonce="n", protocol=1)[0]["vm_id"]


def end_agent():
    """As a task manager does."""
    with open(os.path.join(LOGS, "agent.log")) as file:
        process = re.findall("started as process ([0-9]+)", file.read())[-1]
    os.kill(int(process), STATUS)


def last_words(line):
    """The types of what the agent says before it hangs up."""
    types = []
    while True:
        try:
            types.append(line.receive()["type"])
        except Exception:  # whatever a line that has ended makes of it
            return types


def main(agent):
    line = TcpHost()
    found = {"install": service(agent, "install", "--vm-id", "kept", *line.address)}
    try:
        found["start"] = service(agent, "start")
        host, found["who"] = greeted(line)
        send(key(0x2E, True), key(0x2E, False))
        found["keys"] = host.seen(2)
        end_agent()
        host, found["who after its end"] = greeted(line)
        found["stop"] = service(agent, "stop")
        found["last words"] = last_words(line)
        found["start again"] = service(agent, "start")
        _, found["who again"] = greeted(line)
    except Exception as error:  # told with the logs, which say why
        found["error"] = repr(error)
    finally:
        found["remove"] = service(agent, "remove")
        found["removed again"] = service(agent, "remove")[0]
        found["logs"] = {}
        for name in sorted(os.listdir(LOGS)) if os.path.isdir(LOGS) else ():
            with open(os.path.join(LOGS, name)) as file:
                found["logs"][name] = file.read()
        line.close()
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
