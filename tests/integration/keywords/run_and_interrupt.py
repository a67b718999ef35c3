"""Run a suite once for each named test, in one process, and interrupt each test's keyword as a person would: by SIGINT.

python run_and_interrupt.py SUITE OUTPUT SECONDS TEST...    A test is named after the keyword that is to be interrupted, SECONDS
after it has started. For each a line of JSON is printed: {TEST: {"status", "message", "seconds"}}.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from typing import Any

from robot.api import ExecutionResult, TestSuite
from robot.running.namespace import IMPORTER

from ATPLibrary.orchestrator import platforms


class Interrupt:
    """Robot Framework listener: starts the clock when the keyword starts."""

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self, keyword: str, after: float) -> None:
        self.keyword = keyword
        self.after = after
        self.seconds: float | None = None
        self._started = 0.0
        self._timer: threading.Timer | None = None

    def start_library_keyword(self, data: Any, implementation: Any, result: Any) -> None:
        if self._is_meant(data, implementation):
            self._started = time.monotonic()
            self._timer = threading.Timer(self.after, os.kill, (os.getpid(), signal.SIGINT))
            self._timer.start()

    def end_library_keyword(self, data: Any, implementation: Any, result: Any) -> None:
        if self._is_meant(data, implementation):
            self.seconds = time.monotonic() - self._started
            if self._timer is not None:
                self._timer.cancel()  # one that ended by itself is told: a signal after it would hit the run, not the keyword

    def _is_meant(self, data: Any, implementation: Any) -> bool:
        return bool(implementation.name == self.keyword and data.type != data.SETUP)


def main(suite_file: str, output: str, seconds: str, *tests: str) -> None:
    platforms.LOGOUT_SECONDS = (
        0.02  # at the end of each run, after the keyword: the silent platform would cost 2 s hundreds of times
    )
    # Robot Framework reads the keywords of a library anew in each run, which takes longer than all else: here they stay read, as
    # they do from suite to suite.
    IMPORTER.reset = lambda: None
    whole = TestSuite.from_file_system(suite_file)
    every = {test.name: test for test in whole.tests}
    for name in tests:
        interrupt = Interrupt(name, float(seconds))
        whole.tests = [every[name]]
        suite = whole.deepcopy()  # running changes it; reading the file again for each would take longer than the run
        for test in suite.tests:
            test.timeout = None
        with open(os.devnull, "w", encoding="utf-8") as console:
            suite.run(output=output, log=None, report=None, stdout=console, stderr=console, listener=interrupt)
        (result,) = ExecutionResult(output).suite.tests
        answer = {"status": result.status, "message": result.message, "seconds": interrupt.seconds}
        print(json.dumps({name: answer}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
