"""Keywords about commands in the guest, run by QEMU's guest agent (QGA)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError, VerificationError
from ATPLibrary.keywords import scope
from ATPLibrary.keywords.assertions import Operator, check, shown
from ATPLibrary.keywords.command_results import ending, log, must_succeed, output_of
from ATPLibrary.keywords.component import in_seconds, named
from ATPLibrary.keywords.telling import Telling
from ATPLibrary.protocol.qga.command_lines import Shell

if TYPE_CHECKING:
    from ATPLibrary.protocol.qga import ExecResult

# Between two tries of a command that hasn't succeeded yet: the guest agent has no event for "something has changed".
RETRY_SECONDS = 0.25


class CommandKeywords(Telling):
    @keyword(tags=["Command"])
    def run_command(
        self,
        command: str,
        *arguments: str,
        input: str | None = None,
        environment: dict[str, str] | None = None,
        directory: str | None = None,
        shell: Shell | None = None,
        encoding: str = "utf-8",
        stream: bool = False,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> ExecResult:
        """Runs a command inside the guest and returns its result, whatever its exit code: see `Command Should Succeed`.

        The result has ``exit_code``, ``signal``, ``stdout``, ``stderr``, ``truncated``, ``stdout_truncated`` and ``duration_ms``.
        A command that hasn't ended in ``timeout``, and one whose keyword is stopped, is ended in the guest with all that it has
        started.

        - ``command``: a shell command (``ls /tmp | wc -l``), or with ``arguments`` a program that is run without a shell.
        - ``input``: text for the command's standard input, up to 96 KiB.
        - ``environment``: variables on top of those that the guest agent has.
        - ``directory``: where in the guest the command works.
        - ``shell``: ``sh`` (the default, in a Windows ``cmd``), ``cmd`` or ``powershell``.
        - ``encoding``: how the guest writes text, such as ``gbk`` for the ``cmd`` of a Chinese Windows.
        - ``stream``: ``True`` writes output to the log while the command runs, and keeps up to 16 MiB of each stream; the newest
          of it may be half a second old. A Windows guest gives its output at the end all the same. ``False`` is quicker: 1 MB
          of standard output and 0.25 MB of standard error are kept, and ``truncated`` is ``True`` when there was more of either,
          ``stdout_truncated`` when of the first (a Windows guest can't be stopped so: more than 3 MiB end in an error).
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: for the command to end; by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | ${result} =    Run Command    uname -r
        | Should Be Equal As Integers    ${result.exit_code}    0
        | Should Not Be Empty    ${result.stdout}
        | Run Command    /bin/ls    -l    /tmp
        | Run Command    make test    directory=/root/project    stream=True    timeout=5 min
        | VAR    &{variables}    LANG=C    COLOUR=red
        | Run Command    env    environment=${variables}
        | Run Command    Get-Service | Out-String    shell=powershell    vm=win12
        """
        seconds = self.seconds(timeout, "command")
        what = f"Command '{command}' in {named(vm)}"
        self.workspace.last_command = None  # one that breaks off leaves none: no older output may stand for its own

        async def run(say: Callable[[str], None]) -> ExecResult:
            machine = await self.machine(vm, seconds)
            qga = await machine.qga(seconds)
            lines = _Lines(say)
            result = await qga.exec(
                [command, *arguments] if arguments else command,
                input=input,
                timeout=seconds,
                environment=environment,
                directory=directory,
                shell=shell,
                encoding=encoding,
                on_output=lines.take if stream else None,
            )
            lines.flush()
            return result

        result = self.wait_telling(run, _with_its_end(seconds), what)
        self.workspace.last_command = (command, result, scope.here())
        log(command, result, told=stream)
        return result

    @keyword(tags=["Command", "Assertion"])
    def command_should_succeed(
        self,
        command: str,
        *arguments: str,
        input: str | None = None,
        environment: dict[str, str] | None = None,
        directory: str | None = None,
        shell: Shell | None = None,
        encoding: str = "utf-8",
        stream: bool = False,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> ExecResult:
        """Runs a command inside the guest, fails unless its exit code is 0, and returns its result.

        The arguments are those of `Run Command`.

        Example:
        | Connect To VM    win11
        | Command Should Succeed    test -d /tmp
        """
        result: ExecResult = self.run_command(
            command,
            *arguments,
            input=input,
            environment=environment,
            directory=directory,
            shell=shell,
            encoding=encoding,
            stream=stream,
            vm=vm,
            timeout=timeout,
        )
        must_succeed(command, result)
        return result

    @keyword(tags=["Command", "Assertion"])
    def command_output_should_be(
        self,
        command: str,
        expected: str,
        operator: Operator = "==",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> str:
        """Runs a shell command inside the guest and fails unless it succeeds and its output is as expected. Returns the output.

        White space at the end of the output is left out. Of output that was cut (see `Run Command`) only what it contains can be
        proved.

        - ``command``: the shell command.
        - ``expected``: what its standard output is compared with.
        - ``operator``: how: ``==`` by default, ``contains``, ``matches`` a regular expression, ``<`` of numbers, ...
        - ``vm`` and ``timeout``: as for `Run Command`.

        Example:
        | Connect To VM    win11
        | Command Output Should Be    echo hello    hello
        | Command Output Should Be    uname -a    Linux    contains
        """
        result: ExecResult = self.command_should_succeed(command, vm=vm, timeout=timeout)
        output = result.stdout.rstrip()
        check(f"The output of '{command}'", output, operator, expected, is_cut=result.stdout_truncated)
        return output

    @keyword(tags=["Command", "Assertion"])
    def command_should_succeed_in_guest(
        self,
        command: str,
        *arguments: str,
        output: str | None = None,
        operator: Operator = "contains",
        shell: Shell | None = None,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> str:
        """Proves by a command what has become of the guest: fails unless its exit code is 0 and its output is as expected.

        The error says the exit code, what the command wrote to standard error and output, and what to do next. Returns the standard
        output without the white space at its end. What is judged otherwise: `Run Command`, `Verify Event`.

        - ``command``: a shell command (``test -e /tmp/done``), or with ``arguments`` a program that is run without a shell.
        - ``output``: what the output is compared with; without it only the exit code counts.
        - ``operator``: how: ``contains`` by default, ``==``, ``matches`` a regular expression, ...
        - ``shell``: ``sh`` (the default, in a Windows ``cmd``), ``cmd`` or ``powershell``.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: for the command to end; by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Run Command    touch /tmp/done
        | Command Should Succeed In Guest    test -e /tmp/done
        | Command Should Succeed In Guest    /bin/ls    /tmp    output=done
        """
        result: ExecResult = self.command_should_succeed(command, *arguments, shell=shell, vm=vm, timeout=timeout)
        got = result.stdout.rstrip()
        if output is not None:
            check(f"The output of '{command}' in {named(vm)}", got, operator, output, is_cut=result.stdout_truncated)
        logger.info(f"Proved by '{command}' in {named(vm)}" + (f": {shown(got)}." if got else "."))
        return got

    @keyword(tags=["Command", "Assertion"])
    def output_should_contain(self, expected: str) -> None:
        """Fails unless the output of the last command that was run contains a text. Standard output and standard error both count.

        That is `Run Command`, `Wait Until Command Succeeds` and their like, in this test or in the setup of its suite: what another
        test has run doesn't count.

        - ``expected``: the text, in the same upper and lower case.

        Example:
        | Connect To VM    win11
        | Run Command    cat /etc/os-release
        | Output Should Contain    Debian
        """
        if not expected:
            raise InputError(
                "An empty text is contained in any output, so this would prove nothing. Say what it should contain."
            )
        command, result = self._last_result()
        if expected not in result.stdout and expected not in result.stderr:
            raise VerificationError.about(
                f"The output of '{command}'", wanted=f"contain {shown(expected)}", got=f"is {output_of(result)}",
                next_step="Its end is missing: let the command itself look (grep, tail)" if result.truncated else "",
            )  # fmt: skip

    @keyword(tags=["Command"])
    def wait_until_command_succeeds(
        self, command: str, vm: str | None = None, timeout: timedelta = timedelta(seconds=10)
    ) -> ExecResult:
        """Runs a shell command in the guest again and again until its exit code is 0, and returns the last result.

        For what happens in the guest some time after an action and has no event of its own: a program that starts, a file
        that appears.

        - ``command``: the shell command. ``! pidof sleep`` succeeds when the program is gone.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: how long to go on trying.

        Example:
        | Connect To VM    win11
        | Wait Until Command Succeeds    test -e /tmp/ready    timeout=20 s
        """
        seconds = in_seconds(timeout)
        what = f"Command '{command}' in {named(vm)}"
        self.workspace.last_command = None
        result = self.wait(self._until_success(command, vm, seconds), _with_its_end(seconds), what)
        self.workspace.last_command = (command, result, scope.here())
        log(command, result)
        return result

    def _last_result(self) -> tuple[str, ExecResult]:
        last = self.workspace.last_command
        if last is None:
            raise VerificationError(
                "There is no output to look at: no command was run, or the last one broke off. Use 'Run Command' first."
            )
        command, result, where = last
        if not scope.is_here(where):
            raise VerificationError.about(
                "The output of a command",
                wanted="be of this test",
                got="no command was run in it",
                last_seen=f"the last one was '{command}', in '{where}'",
                next_step="Use 'Run Command' first; what another test has run doesn't count",
            )
        return command, result

    async def _until_success(self, command: str, vm: str | None, seconds: float) -> ExecResult:
        import asyncio

        from ATPLibrary import runtime

        result: ExecResult | None = None
        async with runtime.deadline(
            seconds,
            f"Command '{command}' in {named(vm)}",
            wanted="succeed",
            got="has not",
            last_seen=lambda: ending(result) if result is not None else "no answer yet",
        ):
            qga = await (await self.machine(vm, seconds)).qga(seconds)
            while True:
                result = await qga.exec(command, timeout=seconds)
                if result.exit_code == 0:
                    return result
                await asyncio.sleep(RETRY_SECONDS)


class _Lines:
    """Passes a command's output on in whole lines, with the stream's name before them."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._begun = {"stdout": "", "stderr": ""}

    def take(self, stream: str, text: str) -> None:
        whole, newline, self._begun[stream] = (self._begun[stream] + text).rpartition("\n")
        if newline:
            self._say(f"{stream}: {whole}")

    def flush(self) -> None:
        for stream, text in self._begun.items():
            if text:
                self._say(f"{stream}: {text}")


def _with_its_end(seconds: float) -> float:
    """A command that isn't over after `seconds` is ended, which takes some time too."""
    from ATPLibrary.protocol.qga.execution import ENDING_SECONDS

    return seconds + ENDING_SECONDS
