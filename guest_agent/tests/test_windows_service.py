"""The service on Windows, off Windows: installed as it was asked for, and keeping an agent where the screen is."""

from __future__ import annotations

import sys
import threading
import time

import pytest

from atp_guest_agent.log import Log
from atp_guest_agent.options import UsageError
from atp_guest_agent.windows import command, keeper, service
from atp_guest_agent.windows.keeper import NO_SESSION, Keeper
from fake_win32 import FakeWindows

pytestmark = pytest.mark.unit

PATIENCE = 30.0
COMMAND = ["C:\\Python 3\\python.exe", "-I", "-S", "C:\\ATP\\agent.pyz", "--connect", "tcp://10.0.2.2"]


@pytest.fixture
def windows(tmp_path, monkeypatch):
    made = FakeWindows()
    made.program_data = str(tmp_path)
    monkeypatch.setenv("PROGRAMDATA", str(tmp_path / "of somebody else"))  # a service's environment isn't a user's
    yield made
    assert made.faults == []


def keeper_of(windows):
    return Keeper(windows.api, COMMAND, Log(f"{windows.program_data}/service.log"))


def logged(windows):
    with open(f"{windows.program_data}/service.log") as file:
        return [line.split("atp-guest-agent: ")[1].rstrip() for line in file]


class Running:
    """A keeper on a thread of its own."""

    def __init__(self, windows):
        self.windows = windows
        self.keeper = keeper_of(windows)
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
        if self.keeper.state == Keeper.ENDED:
            return
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


def test_an_agent_that_can_not_start_is_told_in_the_services_log(running, windows):
    """Nobody sees its standard error."""
    agent = running.agent(0)
    agent["process"].status = 2
    running.ends(agent)
    running.agent(1)
    running.stop()
    assert logged(windows)[:3] == [
        "started an agent in session 1",
        "the agent in session 1 ended with status 2 (its own log may say why); another one in 0.01 s",
        "started an agent in session 1",
    ]


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
        keeper_of(windows).run()
    (line,) = logged(windows)
    assert line.startswith("the service ends: ")
    assert "must run as SYSTEM" in line


def test_the_service_tells_windows_each_of_its_states_and_stops_when_it_is_told(windows, monkeypatch):
    monkeypatch.setattr(keeper, "FAREWELL_MS", 50)
    made = keeper_of(windows)
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


def test_install_makes_a_service_that_starts_with_windows_with_these_options(windows, tmp_path):
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
def test_words_that_make_no_sense_are_refused_before_anything_is_made(windows, words, tmp_path):
    with pytest.raises(UsageError):
        service.main(words, windows.api)
    assert windows.services == {}
    assert not (tmp_path / "ATP").exists()


def test_an_agent_of_the_service_has_a_log_unless_it_was_told_of_another(windows):
    told = service.agent_command(windows.api, ["--grab"])
    assert told[-2:] == ["--log", f"{windows.program_data}/ATP/agent.log"]
    assert service.agent_command(windows.api, ["--log=C:\\x"])[-1] == "--log=C:\\x"
    assert service.agent_command(windows.api, ["--log", "C:\\x"]).count("--log") == 1


def test_the_agent_logs_where_the_install_made_the_directory_whatever_the_services_environment_is(windows, monkeypatch):
    """Wine's services have another %ProgramData% than its users."""
    service.main(["install"], windows.api)
    monkeypatch.setenv("PROGRAMDATA", "C:\\users\\Public")
    Log(command.log_of(service.agent_command(windows.api, []))).say("here")


def test_a_keeper_that_has_ended_hears_no_more(windows):
    """Windows may say so while the last handle is being closed."""
    made = keeper_of(windows)
    made.stop()
    made.run()
    made.stop()
    made.session_changed()
    assert windows.handles == {}


def test_the_service_logs_beside_its_agent(windows, tmp_path):
    windows.session = NO_SESSION
    thread = threading.Thread(target=service.main, args=(["run", "--log", str(tmp_path / "log")], windows.api))
    thread.start()
    end = time.monotonic() + PATIENCE
    while windows.control_handler is None:
        assert time.monotonic() < end
    windows.control_handler(service.CONTROL_STOP, 0, None, None)
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert (tmp_path / "service.log").exists()


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        (["--stop-event=Global\\none", "--port", "none"], "the service's event can't be opened"),
        (["--stop-event=Global\\none", "--nope"], "unknown argument '--nope'"),
    ],
)
def test_an_agent_without_standard_error_complains_in_its_log(windows, said, complaint, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    log = tmp_path / "log"
    assert command.main([*said, "--log", str(log)], windows.api) in (1, 2)
    assert complaint in log.read_text()
    assert command.main([*said, "--log", str(tmp_path / "nowhere" / "log")], windows.api) in (1, 2)  # says it to nobody


def test_the_configuration_file_is_where_windows_says_that_programs_keep_their_data(windows, tmp_path, capsys):
    (tmp_path / "ATP").mkdir()
    (tmp_path / "ATP" / "atp-agent.conf").write_text("nonsense\n")
    assert command.main([], windows.api) == 2
    assert f"{tmp_path}/ATP/atp-agent.conf, line 1" in capsys.readouterr().err
    # Not for SYSTEM's agent: any user may have made that file.
    assert command.main(["--stop-event=Global\\none", "--port", "none"], windows.api) == 1
    assert "the service's event can't be opened" in capsys.readouterr().err
    named = str(tmp_path / "ATP" / "atp-agent.conf")
    assert command.main(["--stop-event=Global\\none", "--config", named], windows.api) == 2


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
