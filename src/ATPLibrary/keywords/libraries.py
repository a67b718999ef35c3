"""The eight Robot Framework libraries, each put together from components. `ATPLibrary` has them all."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

from ATPLibrary import __version__
from ATPLibrary.errors import InputError
from ATPLibrary.keywords import words
from ATPLibrary.keywords.agent_deployment import AgentDeploymentKeywords
from ATPLibrary.keywords.channels import ChannelKeywords
from ATPLibrary.keywords.chinese import BilingualCore
from ATPLibrary.keywords.closing import ImportedLevel
from ATPLibrary.keywords.commands import CommandKeywords
from ATPLibrary.keywords.component import Component
from ATPLibrary.keywords.configuration import ConfigurationKeywords
from ATPLibrary.keywords.console import ConsoleKeywords
from ATPLibrary.keywords.evidence import listener as evidence_listener
from ATPLibrary.keywords.golden_images import GoldenImageKeywords
from ATPLibrary.keywords.guest_files import GuestFileKeywords
from ATPLibrary.keywords.guest_freeze import GuestFreezeKeywords
from ATPLibrary.keywords.guest_system import GuestSystemKeywords
from ATPLibrary.keywords.hosts import HostKeywords
from ATPLibrary.keywords.input_timelines import InputTimelineKeywords
from ATPLibrary.keywords.keyboard import KeyboardKeywords
from ATPLibrary.keywords.lease import LeaseKeywords
from ATPLibrary.keywords.lifecycle import Lifecycle
from ATPLibrary.keywords.lock_keys import LockKeyKeywords
from ATPLibrary.keywords.monitor import MonitorKeywords
from ATPLibrary.keywords.mouse import MouseKeywords
from ATPLibrary.keywords.places import Place
from ATPLibrary.keywords.platform.components import PLATFORM_COMPONENTS
from ATPLibrary.keywords.power import PowerKeywords
from ATPLibrary.keywords.protocols import ProtocolKeywords
from ATPLibrary.keywords.qemu_guest_agent import QemuGuestAgentKeywords
from ATPLibrary.keywords.saved_states import SavedStateKeywords
from ATPLibrary.keywords.screen import ScreenKeywords
from ATPLibrary.keywords.screen_text import ScreenTextKeywords
from ATPLibrary.keywords.snapshots import SnapshotKeywords
from ATPLibrary.keywords.spice import SpiceKeywords
from ATPLibrary.keywords.spice_agent import SpiceAgentKeywords
from ATPLibrary.keywords.spice_channels import SpiceChannelKeywords
from ATPLibrary.keywords.spice_clipboard import SpiceClipboardKeywords
from ATPLibrary.keywords.spice_cursor import SpiceCursorKeywords
from ATPLibrary.keywords.spice_display import SpiceDisplayKeywords
from ATPLibrary.keywords.spice_faults import SpiceFaultKeywords
from ATPLibrary.keywords.spice_films import SpiceFilmKeywords
from ATPLibrary.keywords.spice_folders import SpiceFolderKeywords
from ATPLibrary.keywords.spice_messages import SpiceMessageKeywords
from ATPLibrary.keywords.spice_ports import SpicePortKeywords
from ATPLibrary.keywords.spice_recordings import SpiceRecordingKeywords
from ATPLibrary.keywords.spice_smartcards import SpiceSmartcardKeywords
from ATPLibrary.keywords.spice_sound import SpiceSoundKeywords
from ATPLibrary.keywords.spice_usb import SpiceUsbKeywords
from ATPLibrary.keywords.spice_video import SpiceVideoKeywords
from ATPLibrary.keywords.verification import VerificationKeywords
from ATPLibrary.keywords.verification_service import VerificationServiceKeywords
from ATPLibrary.keywords.verifiers import VerifierKeywords
from ATPLibrary.keywords.vm_facts import VmFactKeywords
from ATPLibrary.keywords.vms import VmKeywords
from ATPLibrary.keywords.watched_input import WatchedInputKeywords
from ATPLibrary.keywords.watched_keys import WatchedKeysKeywords
from ATPLibrary.keywords.watched_pointer import WatchedPointerKeywords
from ATPLibrary.orchestrator.creations import ClosingLevel
from ATPLibrary.protocol.screen.monitors import MonitorPlace
from ATPLibrary.protocol.screen.region import Masks, Region, Size
from ATPLibrary.protocol.screen.via import Via


@cache
def _lifecycle() -> Lifecycle:
    return Lifecycle()


class _Library(BilingualCore):
    """A set of components. Making one touches nothing outside the process."""

    ROBOT_LIBRARY_SCOPE = "GLOBAL"
    ROBOT_LIBRARY_VERSION = __version__
    ROBOT_LIBRARY_DOC_FORMAT = "ROBOT"
    ROBOT_LIBRARY_CONVERTERS: ClassVar[dict[type, Any]] = {
        **{kind: words.ready(kind.parse) for kind in (Region, Masks, Size, Place, Via, MonitorPlace)},
        **words.CONVERTERS,
    }
    components: ClassVar[tuple[type[Component], ...]] = ()

    def __init__(self) -> None:
        self.ROBOT_LIBRARY_LISTENER: list[Any] = [evidence_listener(), _lifecycle()]
        super().__init__([component() for component in self.components])


class _MakingLibrary(_Library):
    """One whose keywords make things on platforms."""

    def __init__(self, auto_closing_level: str | None = None) -> None:
        """``auto_closing_level`` says when what keywords make on a platform is removed again, in the suites of this import:
        ``TEST`` (at the end of the test; what a suite's setup makes: of the suite), ``SUITE``, ``MANUAL`` (by
        `Remove Created Things`, and at the end of the run) or ``KEEP`` (never). Without it the level of the suite above holds,
        ``TEST`` where none says another.
        """
        super().__init__()
        if auto_closing_level is not None:
            self.ROBOT_LIBRARY_LISTENER.append(ImportedLevel(_level(auto_closing_level)))


def _level(word: str) -> ClosingLevel:
    """Not left to Robot Framework's conversion: of an import's argument that is wrong its whole run dies with a traceback."""
    try:
        level = words.CONVERTERS[ClosingLevel](word)
    except ValueError as error:
        raise InputError.about(
            "auto_closing_level", wanted="be TEST, SUITE, MANUAL or KEEP", got=f"is '{word}'"
        ) from error
    assert isinstance(level, ClosingLevel)
    return level


class Transport(_Library):
    """Hosts and VMs through libvirt: connecting, starting, stopping, states, the serial console.

    Hosts come from the configuration (``$ATP_CONFIG``, ``atp.yaml``, or the running lab) and are connected when they are needed.
    A keyword that speaks to a VM takes ``vm``; without it the current VM is meant: the one connected last, or chosen by `Use VM`.

    | ***** Settings *****
    | Library    ATPLibrary.Transport
    |
    | ***** Test Cases *****
    | The VM Runs
    |     Connect To VM    win11
    |     VM Should Be    running    timeout=30 s

    All libraries of the package share one set of connections, and a keyword means the same in each that has it.
    """

    components = (
        HostKeywords,
        VmKeywords,
        PowerKeywords,
        SnapshotKeywords,
        SavedStateKeywords,
        VmFactKeywords,
        LeaseKeywords,
        ConfigurationKeywords,
        ConsoleKeywords,
        SpiceKeywords,
    )


class QMP(_Library):
    """Keyboard, mouse, screen and QMP commands of a VM, through QEMU itself.

    Input is verified by the agent in the guest unless a keyword is told ``verify=False``. A green line in the log is a proof;
    what was only sent is called "not verified".

    | ***** Settings *****
    | Library    ATPLibrary.QMP
    |
    | ***** Test Cases *****
    | Greet
    |     Connect To VM    win11
    |     Type Text    Hello from ATP!

    All libraries of the package share one set of connections, and a keyword means the same in each that has it.
    """

    components = (
        VmKeywords,
        KeyboardKeywords,
        LockKeyKeywords,
        MouseKeywords,
        ScreenKeywords,
        GoldenImageKeywords,
        ScreenTextKeywords,
        MonitorKeywords,
    )


class QGA(_Library):
    """Commands and files inside the guest, and what the guest is, through QEMU's guest agent (qemu-ga): no guest network is needed.

    | ***** Settings *****
    | Library    ATPLibrary.QGA
    |
    | ***** Test Cases *****
    | The Guest Is A Linux
    |     Connect To VM    win11
    |     Command Output Should Be    uname    Linux

    All libraries of the package share one set of connections, and a keyword means the same in each that has it.
    """

    components = (
        VmKeywords,
        CommandKeywords,
        QemuGuestAgentKeywords,
        GuestFileKeywords,
        GuestSystemKeywords,
        GuestFreezeKeywords,
    )


class VirtioSerial(_Library):
    """Bytes to and from a program in the guest, through a virtio-serial channel: no guest network is needed.

    | ***** Settings *****
    | Library    ATPLibrary.VirtioSerial
    |
    | ***** Test Cases *****
    | Talk To A Program
    |     Connect To VM    win11
    |     Send To Channel    com.example.test    hello\\n
    |     Receive From Channel    com.example.test    until=\\n

    All libraries of the package share one set of connections, and a keyword means the same in each that has it.
    """

    components = (VmKeywords, ChannelKeywords, ProtocolKeywords)


class Spice(_Library):
    """A VM's SPICE server as a client sees it: its channels, their messages, the agent in the guest, and faults on purpose.

    What is sent is on its way to the server, and what is expected has passed; whether the guest took an input is proved by the
    keywords of the other libraries.

    | ***** Settings *****
    | Library    ATPLibrary.Spice
    |
    | ***** Test Cases *****
    | The Display Has A Picture
    |     Connect To VM    win11
    |     Connect To SPICE
    |     Open SPICE Channel    display
    |     Expect SPICE Message    display    MARK    within=5 s

    All libraries of the package share one set of connections, and a keyword means the same in each that has it.
    """

    components = (
        VmKeywords,
        SpiceKeywords,
        SpiceChannelKeywords,
        SpiceDisplayKeywords,
        SpiceMessageKeywords,
        SpiceFaultKeywords,
        SpiceVideoKeywords,
        SpiceSoundKeywords,
        SpiceFilmKeywords,
        SpiceRecordingKeywords,
        SpiceCursorKeywords,
        SpiceUsbKeywords,
        SpicePortKeywords,
        SpiceFolderKeywords,
        SpiceSmartcardKeywords,
        SpiceAgentKeywords,
        SpiceClipboardKeywords,
    )


class VDIPlatform(_MakingLibrary):
    """Desk pools and desktops of a VDI platform (OCloudView), and the way from there to connected VMs.

    | ***** Settings *****
    | Library    ATPLibrary.VDIPlatform
    |
    | ***** Test Cases *****
    | A Desk Pool Comes And Goes
    |     Log In To Platform
    |     Create Desk Pool    sales    model=atp-linux    amount=2
    |     Enable Desk Pool    sales
    |     Start Desktops    sales
    |     Connect To Desk Pool    sales
    |     Close Desktops    sales
    |     Delete Desk Pool    sales

    All libraries of the package share one set of connections, and a keyword means the same in each that has it.
    """

    components = (*PLATFORM_COMPONENTS, VmKeywords, PowerKeywords)


class Verifier(_Library):
    """The proof that input arrived inside the guest: in order, once, and how fast.

    An agent in the guest reads each key and motion as the guest's kernel sees it and reports it over virtio-serial.

    | ***** Settings *****
    | Library    ATPLibrary.Verifier
    |
    | ***** Test Cases *****
    | Every Key Arrives
    |     Connect To VM    win11
    |     Wait Until Verifier Is Ready
    |     Type Text    Hello from ATP!
    |     Text Should Have Arrived    Hello from ATP!
    |     Get Input Latency    99    <    1000

    All libraries of the package share one set of connections, and a keyword means the same in each that has it.
    """

    components = (
        VmKeywords,
        VerificationKeywords,
        VerificationServiceKeywords,
        VerifierKeywords,
        AgentDeploymentKeywords,
        WatchedInputKeywords,
        WatchedKeysKeywords,
        WatchedPointerKeywords,
        InputTimelineKeywords,
        KeyboardKeywords,
        LockKeyKeywords,
        MouseKeywords,
    )


class ATPLibrary(_MakingLibrary):
    """Drives virtual desktops and proves inside the guest that every input arrived: in order, once, and how fast.

    This library has every keyword of ``ATPLibrary.Transport``, ``ATPLibrary.QMP``, ``ATPLibrary.QGA``,
    ``ATPLibrary.VirtioSerial``, ``ATPLibrary.Spice``, ``ATPLibrary.VDIPlatform`` and ``ATPLibrary.Verifier``.

    = Configuration =
    Hosts and platforms are described in a YAML file: ``$ATP_CONFIG``, ``./atp.yaml``, or what the running lab (``atp lab up``)
    has written. Any value can be overridden from the environment, such as ``ATP__PLATFORMS__LAB__PASSWORD``.

    = The current VM =
    A keyword that speaks to a VM takes ``vm``; without it the current VM is meant: the one connected last, or chosen by `Use VM`.

    = Proof =
    Keyboard and mouse keywords are verified by the agent in the guest unless told ``verify=False``. They fail when a key is
    lost, doubled, out of order or stuck, and when no agent answers. One line in the log says what arrived and how fast.

    = Time =
    Every keyword takes ``timeout`` as Robot Framework writes time (``30 s``, ``2 min``), has a default from the configuration, and
    is stopped by ``[Timeout]`` and Ctrl-C.

    = 中文 =
    Every keyword has a Chinese name beside the English one, with Chinese names of arguments and fields and Chinese words for
    values; both may stand in one suite. 每个关键字都有中文名称，参数、字段和取值也有；例如 `创建桌面池` 就是
    `Create Desk Pool`。套件的第一行写 ``Language: zh-CN`` , 章节和设置便也可以用中文。

    | ***** Settings *****
    | Library    ATPLibrary
    |
    | ***** Test Cases *****
    | Every Key Arrives
    |     Connect To VM    win11
    |     Wait Until Verifier Is Ready
    |     Type Text    Hello from ATP!
    |     Text Should Have Arrived    Hello from ATP!
    """

    components = tuple(
        dict.fromkeys(
            component
            for library in (Transport, Spice, QMP, QGA, VirtioSerial, VDIPlatform, Verifier)
            for component in library.components
        )
    )
