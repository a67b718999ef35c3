"""The libraries as an editor, libdoc and a dry run see them."""

from __future__ import annotations

import enum
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from robot import running
from robot.running.arguments import CustomArgumentConverters
from robot.utils import html_format

from ATPLibrary import LIBRARIES
from ATPLibrary.keywords import platform
from ATPLibrary.keywords.libraries import ATPLibrary
from ATPLibrary.keywords.platform.components import PLATFORM_COMPONENTS
from ATPLibrary.keywords.words import ready

pytestmark = pytest.mark.unit

ALL = ("ATPLibrary", *(f"ATPLibrary.{name}" for name in LIBRARIES))

IMPORT_ALL = """
import json, sys, threading
import robot.api, robot.running
import ATPLibrary
for name in ("ATPLibrary", *ATPLibrary.LIBRARIES):
    library = getattr(ATPLibrary, name)()
    library.get_keyword_names()
print(json.dumps({"modules": sorted(sys.modules), "threads": [thread.name for thread in threading.enumerate()]}))
"""


@pytest.fixture(scope="module")
def after_import() -> dict[str, Any]:
    """What a fresh process has loaded and started when it has made every library."""
    ran = subprocess.run([sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True, timeout=60, check=True)
    return dict(json.loads(ran.stdout))


HEAVY = (
    *("libvirt", "pydantic", "httpx", "qemu", "PIL", "websockets"),
    *(
        "ATPLibrary.lab",
        "ATPLibrary.protocol.qga.agent",
        "ATPLibrary.verifier.report",
        "ATPLibrary.transport.vm_sockets",
    ),
)


@pytest.mark.parametrize("heavy", HEAVY)
def test_making_every_library_loads_nothing_heavy(after_import: dict[str, Any], heavy: str) -> None:
    assert heavy not in after_import["modules"]


def test_making_every_library_starts_no_thread(after_import: dict[str, Any]) -> None:
    assert after_import["threads"] == ["MainThread"]


@pytest.mark.parametrize("library", ALL)
def test_libdoc_documents_each_library(documentation: dict[str, Any], library: str) -> None:
    doc = documentation[library]
    assert doc.scope == "GLOBAL"
    assert doc.version
    assert "*** Test Cases ***" in doc.doc
    assert len(doc.keywords) > 5


def test_no_keyword_is_written_twice() -> None:
    """Of two components with one keyword the later one would serve it, without a word."""
    homes: dict[str, set[str]] = {}
    for component in ATPLibrary.components:
        for name in dir(component):
            method = getattr(component, name)
            if hasattr(method, "robot_name"):
                spoken = method.robot_name or name
                homes.setdefault(spoken.replace(" ", "").replace("_", "").lower(), set()).add(method.__qualname__)
    assert len(homes) > 100
    assert {name: twice for name, twice in homes.items() if len(twice) > 1} == {}


def test_every_file_of_the_platforms_keywords_is_found() -> None:
    folder = Path(platform.__path__[0])
    with_keywords = {
        path.stem
        for path in folder.glob("*.py")
        if re.search(r"^    @(keyword|getter|lister)\(", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(with_keywords) > 40
    assert [each.__module__.rpartition(".")[2] for each in PLATFORM_COMPONENTS] == sorted(with_keywords)


def test_the_facade_has_every_keyword_of_every_library(documentation: dict[str, Any]) -> None:
    everything = {keyword.name for name in ALL[1:] for keyword in documentation[name].keywords}
    assert {keyword.name for keyword in documentation["ATPLibrary"].keywords} == everything


def test_a_word_is_the_same_keyword_in_each_library_that_has_it(documentation: dict[str, Any]) -> None:
    facade = {keyword.name: keyword for keyword in documentation["ATPLibrary"].keywords}
    for name in ALL[1:]:
        for keyword in documentation[name].keywords:
            assert keyword.to_dictionary() == facade[keyword.name].to_dictionary(), f"{name}: {keyword.name}"


def test_every_argument_has_a_type_that_robot_converts(documentation: dict[str, Any]) -> None:
    untyped = [
        f"{keyword.name}: {argument.name}"
        for keyword in documentation["ATPLibrary"].keywords
        for argument in keyword.args
        if argument.kind not in (argument.POSITIONAL_ONLY_MARKER, argument.NAMED_ONLY_MARKER)
        and (argument.type is None or not _known(argument.type))
    ]
    assert untyped == []


def _known(info: Any) -> bool:
    if info.is_union:
        return all(_known(nested) for nested in info.nested)
    return info.type is not None or info.name == "Any"


def test_every_argument_is_explained(documentation: dict[str, Any]) -> None:
    missing = [
        f"{keyword.name}: {argument.name}"
        for keyword in documentation["ATPLibrary"].keywords
        for argument in keyword.args
        if argument.name and f"``{argument.name}``" not in keyword.doc and "arguments are those of" not in keyword.doc
    ]
    assert missing == []


def test_every_keyword_that_can_wait_takes_a_timeout(documentation: dict[str, Any]) -> None:
    """Those without look only at what is remembered."""
    english = [keyword for keyword in documentation["ATPLibrary"].keywords if keyword.name.isascii()]
    without = {k.name for k in english if "timeout" not in [a.name for a in k.args]}
    assert without == {
        "Get Connected Agents",
        "Stop Verification Service",
        "Add Host",
        "Drain Host",
        "Get Host Events",
        "Get Host Metrics",
        "Get Host Statistics",
        "Get Hosts",
        "Remove Host",
        "Return Host To Service",
        "Get Input Latency",
        "Get Leases",
        "Get Created Things",
        "Get Verifiers",
        "Get Platform Findings",
        "Get Platform Sessions",
        "Platform Findings Should Be Empty",
        "Switch Platform Session",
        "Set Closing Level",
        "Reload Configuration",
        "Input Should Have Arrived",
        "Keep Input Journal",
        "Save Input Timeline",
        "Show Input Timeline",
        "List Protocols",
        "Output Should Contain",
        "Register Codec",
        "Register Protocol",
        "Register Verifier",
        "Text Should Have Arrived",
        "Unregister Codec",
        "Unregister Protocol",
        "Unregister Verifier",
        "Use VM",
    }


def test_a_word_of_a_few_is_taken_in_any_case_and_a_wrong_one_is_answered_in_lower_case() -> None:
    from ATPLibrary.transport import VmState

    library = ATPLibrary()
    words = {
        kind
        for name in library.get_keyword_names()
        for kind in library.get_keyword_types(name).values()
        if isinstance(kind, type) and issubclass(kind, enum.Enum)
    }
    assert VmState in words
    for kind in words:
        parse = library.ROBOT_LIBRARY_CONVERTERS[kind]
        for member in kind:
            assert parse(member.value) is parse(member.name) is parse(member.value.replace("_", " ")) is member
        with pytest.raises(ValueError, match="it is none of") as caught:
            parse("such a word")
        assert str(caught.value).islower()


def test_code_in_documentation_is_shown_as_code(documentation: dict[str, Any]) -> None:
    """Robot Framework takes ``code`` for code between blanks and punctuation marks only; else it shows the marks."""
    marked = [
        f"{keyword.name}: {line}"
        for keyword in documentation["ATPLibrary"].keywords
        for line in html_format(keyword.doc).splitlines()
        if "``" in line
    ]
    assert marked == []


READ_NOTHING = """
import inspect
read = []
signature = inspect.signature
import ATPLibrary.keywords.libraries
inspect.signature = lambda function: read.append(function.__name__) or signature(function)
import ATPLibrary
libraries = [getattr(ATPLibrary, name)() for name in ("ATPLibrary", "VDIPlatform", "Transport")]
assert all(len(library.get_keyword_names()) > 50 for library in libraries)
assert read == [], read
told = [(library.get_keyword_arguments(name), library.get_keyword_types(name)) for library in libraries
        for name in ("Connect To VM", "连接虚拟机")]
assert told[::2] == told[:1] * 3 and told[1::2] == told[1:2] * 3, told
assert read == ["connect_to_vm"], read
"""


def test_a_keyword_is_read_once_for_all_libraries_when_it_is_asked_for() -> None:
    """Seven times some hundred signatures would be a third of a second at the beginning of each run."""
    ran = subprocess.run([sys.executable, "-c", READ_NOTHING], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr


def test_robot_reads_of_a_converter_what_it_reads_of_the_function_behind_it() -> None:
    def parse(text: str | list[int]) -> int:
        """A number."""
        return len(text)

    plain, made = (CustomArgumentConverters.from_dict({int: each}).converters[0] for each in (parse, ready(parse)))
    assert made.value_types == plain.value_types == (str, list)
    assert made.doc == plain.doc == "A number."
    assert made.convert("four") == 4


def test_robot_reads_no_signature_of_a_converter_at_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks for all of a library's at every call of a keyword."""
    library = running.TestLibrary.from_name("ATPLibrary", create_keywords=False)
    monkeypatch.setattr(inspect, "_signature_from_function", None)
    assert len(library.converters) == len(ATPLibrary.ROBOT_LIBRARY_CONVERTERS)
