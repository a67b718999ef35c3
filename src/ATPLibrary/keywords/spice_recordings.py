"""Keywords that record a VM's SPICE session, and play it again without the VM."""

from __future__ import annotations

import html
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary import secrets
from ATPLibrary.errors import InputError, VerificationError
from ATPLibrary.keywords import output, scope
from ATPLibrary.keywords.component import Component, named

if TYPE_CHECKING:
    from ATPLibrary.protocol.spice.recording import SessionRecorder
    from ATPLibrary.protocol.spice.replay import ReplayResult

FOLDER = "spice"
Pace = Literal["recorded", "fast"]


class SpiceRecordingKeywords(Component):
    @keyword(tags=["SPICE"])
    def start_session_recording(
        self,
        file: Path | None = None,
        agent_data: bool = False,
        *,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> str:
        """Begins a VM's SPICE session anew and records it, to be played again by `Replay Session`. Returns the file's path.

        Every message of every channel, both ways, with its time: what the server says in full, of what this client says the
        display's and the pointer's. Tickets, keys, cards, USB devices and what a guest's agent says are not recorded; what its
        programs write to ports and to a shared folder is. Known secrets are masked. The channels that are open are opened anew.
        It ends with the session, or with `Stop Session Recording`.
        docs/spice-recordings.md describes the file.

        - ``file``: its path, relative to Robot Framework's output directory; packed where it ends in ``.gz``. By default a new one
          in the folder ``spice`` beside the log.
        - ``agent_data``: whether what the guest's agent says is recorded as well: its clipboard is part of that.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.connect`` of the configuration (30 s).

        Example:
        | Connect To VM    win11
        | ${file} =    Start Session Recording
        | Open SPICE Channel    display
        | Stop Session Recording
        | Replay Session    ${file}    pace=fast
        """
        seconds = self.seconds(timeout, "connect")
        path = output.directory() / file if file is not None else _new_file()

        async def record() -> None:
            from ATPLibrary.protocol.spice.recording import SessionRecorder

            machine = await self.machine(vm, seconds)
            recorder = SessionRecorder(path, machine.name, agent_data)
            recorder.open()
            await self.workspace.spice_sessions.record(machine, recorder, seconds)

        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.wait(record(), seconds, f"Recording the SPICE session with {named(vm)}")
        except OSError as error:
            raise InputError.about(
                f"The recording {path}", wanted="be written", got=f"can't be: {error.strerror or error}"
            ) from error
        logger.info(f"The SPICE session of {named(vm)} is recorded to {_link(path)}.", html=True)
        return str(path)

    @keyword(tags=["SPICE"])
    def stop_session_recording(self, vm: str | None = None, timeout: timedelta | None = None) -> str:
        """Ends the recording of a VM's SPICE session; the session goes on. Returns the file's path.

        A recording that isn't whole (a full disk, more than 1 GiB of messages) is a warning.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Start Session Recording    clicks.jsonl.gz
        | ${file} =    Stop Session Recording
        """
        seconds = self.seconds(timeout, "command")

        async def stop() -> SessionRecorder | None:
            return await self.workspace.spice_sessions.stop_recording(await self.machine(vm, seconds))

        recorder = self.wait(stop(), seconds, f"Ending the recording of {named(vm)}")
        if recorder is None:
            raise InputError.about(
                f"The SPICE session of {named(vm)}", wanted="be recorded, for that to end", got="is not",
                next_step="Say 'Start Session Recording' first",
            )  # fmt: skip
        if recorder.problem:
            logger.warn(secrets.redact(recorder.problem))
        logger.info(f"{recorder.messages} messages are recorded in {_link(recorder.path)}.", html=True)
        return str(recorder.path)

    @keyword(tags=["SPICE", "Assertion"])
    def replay_session(self, file: Path, pace: Pace = "recorded", timeout: timedelta | None = None) -> dict[str, Any]:
        """Plays a recorded SPICE session to this client again, without its VM; fails where the client can't take what was said.

        What failed here because of a server's message fails here again: with the same error, or not any more. A connection that
        ended when it was recorded ends again, and is no failure; one that a kill has cut is played up to there, with a warning
        where a channel had not begun by then. A recording without any message of the server's shows nothing: it fails. Returns
        ``messages`` (how many were taken), ``channels`` (by name ``recorded``, ``received`` and ``failure``) and ``picture`` (the
        file of the screen at the end, empty where there is none).

        - ``file``: a file of `Start Session Recording`, relative to Robot Framework's output directory.
        - ``pace``: ``recorded`` takes as long as the session took, ``fast`` as short as it can.
        - ``timeout``: by default as long as the recording and ``timeouts.connect`` of the configuration (30 s).

        Example:
        | ${replayed} =    Replay Session    clicks.jsonl.gz    pace=fast
        | Log    ${replayed}[picture]
        """
        from ATPLibrary.protocol.spice.recorded import Recording
        from ATPLibrary.protocol.spice.replay import replay

        recording = Recording.read(output.directory() / file)
        seconds = self.seconds(timeout, "connect")
        if timeout is None and pace == "recorded":
            seconds += recording.seconds
        result = self.wait(replay(recording, seconds, fast=pace == "fast"), seconds, f"Replaying {file}")
        told = _told(result)
        if result.failed:
            first = result.failed[0]
            raise VerificationError.about(
                f"The replay of {file}", wanted="be taken by this client",
                got=f"was not: {first.opening.name} took {first.received} of {first.recorded} messages, then: {first.failure}",
            )  # fmt: skip
        if not result.messages:
            raise VerificationError.about(
                f"The replay of {file}", wanted="be of at least one message of its server",
                got=f"was of none: the recording has {recording.messages} on {len(recording.openings)} channels",
                next_step="Record a session that lasts until its channels have begun; 'atp spice show' tells what is in the file",
            )  # fmt: skip
        for each in result.channels:
            if each.note:
                logger.warn(f"Of {each.opening.name} {each.received} messages were replayed: {each.note}.")
        logger.info(f"{told['messages']} messages on {len(result.channels)} channels were replayed and taken.")
        return told


def _new_file() -> Path:
    return output.new_file(FOLDER, secrets.redact(scope.here()), ".jsonl")


def _link(path: Path) -> str:
    link = html.escape(output.link(path))
    return f'<a href="{link}">{link}</a>'


def _told(result: ReplayResult) -> dict[str, Any]:
    from ATPLibrary.protocol.screen.picture import as_png
    from ATPLibrary.protocol.spice.display.picture import image_of

    picture = ""
    if result.screen is not None:
        path, link = output.write_beside_log(FOLDER, "replayed", ".png", as_png(image_of(result.screen)))
        picture = str(path)
        logger.info(f'<a href="{html.escape(link)}"><img src="{html.escape(link)}" width="400"></a>', html=True)
    channels: dict[str, dict[str, Any]] = {}
    for each in result.channels:
        name = each.opening.name
        while name in channels:  # opened more than once
            name += "'"
        channels[name] = {"recorded": each.recorded, "received": each.received, "failure": each.failure}
    return {"messages": result.messages, "channels": channels, "picture": picture}
