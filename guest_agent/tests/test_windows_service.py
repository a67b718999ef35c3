"""The service on Windows, off Windows: installed as it was asked for, and keeping an agent where the screen is."""

from __future__ import annotations

import threading
import time

import pytest

from atp_guest_agent.options import UsageError
from atp_guest_agent.windows import command, keeper, service
from atp_guest_agent.windows.keeper import NO_SESSION, Keeper
from fake_win32 import FakeWindows

pytestmark = pytest.mark.unit

PATIENCE = 10.0
COMMAND = ["C:\\Python 3\\python.exe", "-I", "-S", "C:\\ATP\\agent.pyz", "--connect", "tcp://10.0.2.2"]


@pytest.fixture
def windows():
    made = FakeWindows()
    yield made
    assert made.faults == []


class Running:
    """A keeper on a thread of its own."""

    def __init__(self, windows):
        self.windows = windows
        self.keeper = Keeper(windows.api, COMMAND)
        self.thread = threading.Thread(target=self.keeper.run, daemon=True)
        self.thread.start()

    def agent(self, number):
        """The agent that was started as that one, once it goes."""
        end = time.monotonic() + PATIENCE
        while len(self.windows.started) <= number or self.windows.started[number]["suspended"]:
            assert time.monotonic() < end, f"agent {number} wasn't started"
            time.sleep(0.001)
        return self.windows.started[number]

    def ends(self, agent):
        with self.windows.lock:
            agent["process"].is_set = True
            self.windows.lock.notify_all()

    def stop(self):
        for agent in self.windows.started:  # they end when they are asked to
            agent["process"].is_set = True
        self.keeper.stop()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()


@pytest.fixture
def running(windows, monkeypatch):
    monkeypatch.setattr(keeper, "FIRST_SECONDS", 0.01)
    monkeypatch.setattr(keeper, "FAREWELL_MS", 50)
    made = Running(windows)
    yield made
    made.stop()
    assert windows.handles == {}  # nothing is left open


def test_an_agent_runs_in_the_session_that_has_the_screen_and_on_its_desktop(running):
    agent = running.agent(0)
    assert (agent["session"], agent["desktop"]) == (1, "winsta0\\default")
    program, _, rest = agent["command"].partition(" --stop-event=")
    assert program == '"C:\\Python 3\\python.exe" -I -S C:\\ATP\\agent.pyz'
    name, *options = rest.split(" ")
    assert name.startswith("Global\\atp-agent-stop-")
    assert options == ["--connect", "tcp://10.0.2.2"]


def test_no_agent_outlives_the_service_however_that_ends(running, windows):
    agent = running.agent(0)
    (job,) = [thing for thing in windows.handles.values() if isinstance(thing, dict) and "limits" in thing]
    assert job["limits"] == 0x2000  # kill on close
    assert job["processes"] == [agent["process"]]


def test_an_agent_that_ends_is_started_again_later_each_time(running):
    delays = []
    for number in range(4):
        agent = running.agent(number)
        before = running.keeper._wait_seconds
        running.ends(agent)
        running.agent(number + 1)
        delays.append(running.keeper._wait_seconds / before)
    assert delays == [2.0] * 4


def test_another_session_gets_an_agent_of_its_own_and_the_old_one_is_asked_to_go(running, windows):
    first = running.agent(0)
    windows.session = 2
    running.keeper.session_changed()
    second = running.agent(1)
    assert second["session"] == 2
    assert first["process"].terminated  # it was asked, and didn't go
    assert running.keeper._wait_seconds == 0.01  # not as after a failure


def test_without_a_session_at_the_screen_nothing_runs_and_nothing_wakes(running, windows):
    running.agent(0)
    windows.session = NO_SESSION
    running.keeper.session_changed()
    end = time.monotonic() + PATIENCE
    while running.keeper.state != Keeper.WAITING:
        assert time.monotonic() < end
    time.sleep(0.05)
    assert len(windows.started) == 1
    windows.session = 3
    running.keeper.session_changed()
    assert running.agent(1)["session"] == 3


def test_a_service_that_is_not_system_says_what_it_lacks(windows):
    windows.is_system = False
    with pytest.raises(OSError, match="must run as SYSTEM"):
        Keeper(windows.api, COMMAND).run()


def test_the_service_tells_windows_each_of_its_states_and_stops_when_it_is_told(windows, monkeypatch):
    monkeypatch.setattr(keeper, "FAREWELL_MS", 50)
    made = Keeper(windows.api, COMMAND)
    serving = service.Service(windows.api, made)
    thread = threading.Thread(target=serving.dispatch)
    thread.start()
    end = time.monotonic() + PATIENCE
    while made.state != Keeper.KEEPING:
        assert time.monotonic() < end
    assert windows.control_handler(service.CONTROL_SESSION, 1, None, None) == 0
    assert windows.control_handler(service.CONTROL_INTERROGATE, 0, None, None) == 0
    assert windows.control_handler(77, 0, None, None) == service.NOT_IMPLEMENTED
    assert windows.control_handler(service.CONTROL_STOP, 0, None, None) == 0
    thread.join(PATIENCE)
    assert [state for state, _ in windows.statuses] == [service.RUNNING, service.STOP_PENDING, service.STOPPED]
    assert windows.statuses[0][1] & 0x80  # it hears of session changes


def test_install_makes_a_service_that_starts_with_windows_with_these_options(windows, tmp_path, monkeypatch):
    monkeypatch.setattr(service, "DIRECTORY", str(tmp_path / "ATP"))
    assert service.main(["install", "--connect", "ws://10.0.2.2", "--grab"], windows.api) == 0
    made = windows.services[service.NAME]
    assert (tmp_path / "ATP").is_dir()
    assert made["command"].endswith("service run --connect ws://10.0.2.2 --grab")
    assert (made["kind"], made["start"]) == (0x10, 2)
    assert made["config"]["restarts"] == [1000, 5000, 30000]
    with pytest.raises(OSError, match="can't be made"):
        service.main(["install"], windows.api)
    service.main(["start"], windows.api)
    service.main(["stop"], windows.api)
    with pytest.raises(OSError, match="can't be stopped"):
        service.main(["stop"], windows.api)
    service.main(["remove"], windows.api)
    assert windows.services == {}
    with pytest.raises(OSError, match=service.NAME):
        service.main(["remove"], windows.api)
    assert windows.handles == {}


@pytest.mark.parametrize(
    "words", [[], ["nope"], ["start", "--grab"], ["install", "--nope"], ["install", "--connect", "x"]]
)
def test_words_that_make_no_sense_are_refused_before_anything_is_made(windows, words, tmp_path, monkeypatch):
    monkeypatch.setattr(service, "DIRECTORY", str(tmp_path / "ATP"))
    with pytest.raises(UsageError):
        service.main(words, windows.api)
    assert windows.services == {}
    assert not (tmp_path / "ATP").exists()


def test_an_agent_of_the_service_has_a_log_unless_it_was_told_of_another():
    assert service.agent_command(["--grab"])[-2:] == ["--log", f"{command.DIRECTORY}/agent.log"]
    assert "--log" not in service.agent_command(["--log=C:\\x"])[-1:]
    assert service.agent_command(["--log", "C:\\x"]).count("--log") == 1


def test_the_service_stops_its_agent_by_its_event(windows, tmp_path):
    from atp_guest_agent.windows.inputs import Windows

    event = windows.api.CreateEventW(None, True, False, "Global\\stop")
    platform = Windows(windows.api, stop_event=windows.api.OpenEventW(0x100000, False, "Global\\stop"))
    reasons = []
    platform.stop_on_signals(reasons.append)
    platform.wait(0.0)
    assert reasons == []
    windows.api.SetEvent(event)
    platform.wait(None)
    platform.wait(0.0)
    assert reasons == ["the service stops it"]
