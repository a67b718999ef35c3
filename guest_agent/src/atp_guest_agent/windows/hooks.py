"""The thread that Windows tells of input: low-level hooks, and raw input of mice, on a message loop of its own.

Windows waits for a hook before it passes the input on, and takes one away that was too slow (LowLevelHooksTimeout, 0.3 s unless the
registry says otherwise; from the second time on without a word). So nothing happens here but a note with the time; the agent's
thread reads the notes.

Two sources, because neither tells all. Keys come from the keyboard hook, which tells keys that programs inject from others. What a
mouse moved comes from raw input: only there are a tablet's own coordinates and a mouse's own counts, and which of them it was; the
mouse hook tells pixels, after acceleration. It is heard for what programs inject, which raw input doesn't tell apart.
"""

from __future__ import annotations

import ctypes
import threading
from collections import deque
from ctypes import byref, sizeof

from atp_guest_agent.clock import now_us
from atp_guest_agent.windows import structures, win32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Deque, Tuple, Union

    # When it came (us), and what: a key's virtual key, scan code and flags; what the mouse hook says; a mouse's own packet.
    Key = Tuple[int, int, int, int]
    Injected = Tuple[int, int, int, int, int]
    Packet = Tuple[int, int, int, int, int, int, int]
    Note = Tuple[str, Union[Key, Injected, Packet, Tuple[()]]]

KEY, INJECTED, PACKET, DEVICES = "key", "injected", "packet", "devices"
MOST_NOTES = 65536  # of an agent's thread that stands still: then notes are dropped and it is told so
_AGAIN, _SETTLE = win32.WM_APP + 1, win32.WM_APP + 2
_WINDOW_CLASS = "atp-guest-agent"
START_SECONDS = 10.0


class Hooks:
    """`notes` in the order in which they came; `wake` is called after each. `start` returns once Windows tells of input.

    `swallow`: whether the hooks keep what they see from everybody else. `lost`: notes were dropped since it was last set to False.
    """

    def __init__(self, api: win32.Win32, wake: object) -> None:
        self.notes: Deque[Note] = deque()
        self.swallow = False
        self.lost = False
        self.raw = False  # whether mice are heard by raw input
        self.last_tick = 0  # GetTickCount of what a hook told last
        self._api = api
        self._wake = wake
        self._thread: threading.Thread | None = None
        self._thread_id = 0
        self._started = threading.Event()
        self._trouble: OSError | None = None
        self._handles: list[int] = []
        self._window: int | None = None
        self._settling: dict[int, threading.Event] = {}
        self._settlements = 0
        # Kept as long as Windows may call them.
        self._keyboard_proc = structures.HOOKPROC(self._on_key)
        self._mouse_proc = structures.HOOKPROC(self._on_mouse)
        self._window_proc = structures.WNDPROC(self._on_message)

    def start(self) -> None:
        """Raises OSError when Windows refuses the hooks: in a service's session, say."""
        self._desktop = self._api.GetThreadDesktop(self._api.GetCurrentThreadId())
        self._thread = threading.Thread(target=self._run, name="input hooks", daemon=True)
        self._thread.start()
        if not self._started.wait(START_SECONDS):
            raise OSError(f"Windows didn't take the input hooks in {START_SECONDS:.0f} s")
        if self._trouble is not None:
            raise self._trouble

    def hook_again(self) -> None:
        """Windows may have taken the hooks away: set them anew."""
        self._api.PostThreadMessageW(self._thread_id, _AGAIN, 0, 0)

    def settle(self, seconds: float) -> bool:
        """Return once all that Windows has for this thread by now is in `notes`; False: it took longer than `seconds`."""
        self._settlements += 1
        number, settled = self._settlements & 0x7FFFFFFF, threading.Event()
        self._settling[number] = settled
        try:
            return bool(self._api.PostThreadMessageW(self._thread_id, _SETTLE, number, 0)) and settled.wait(seconds)
        finally:
            self._settling.pop(number, None)

    def stop(self) -> None:
        if self._thread is not None:
            self._api.PostThreadMessageW(self._thread_id, win32.WM_QUIT, 0, 0)
            self._thread.join(START_SECONDS)
            self._thread = None

    # on the thread

    def _run(self) -> None:
        api = self._api
        self._thread_id = api.GetCurrentThreadId()
        # Hooks hear of one desktop, their thread's. Wine puts this thread on that of whoever started the process: the service's.
        api.SetThreadDesktop(self._desktop)
        try:
            self._set_hooks()
            self.raw = self._listen_to_mice()
        except OSError as error:
            self._trouble = error
            self._started.set()
            return
        self._started.set()
        message = structures.MSG()
        while api.GetMessageW(byref(message), None, 0, 0) > 0:
            if message.message == _AGAIN and not message.hwnd:
                self._unhook()
                try:
                    self._set_hooks()
                except OSError:
                    self.lost = True
            elif message.message == _SETTLE and not message.hwnd:
                self._drain()
                settled = self._settling.get(message.wParam)
                if settled is not None:
                    settled.set()
            else:
                api.DispatchMessageW(byref(message))
        self._unhook()
        if self._window:
            api.DestroyWindow(self._window)

    def _drain(self) -> None:
        """Raw input comes to GetMessage after what was posted. Looking for it lets Windows call the hooks, too."""
        packet = structures.MSG()
        while self._api.PeekMessageW(byref(packet), None, win32.WM_INPUT, win32.WM_INPUT, win32.PM_REMOVE):
            self._api.DispatchMessageW(byref(packet))

    def _set_hooks(self) -> None:
        module = self._api.GetModuleHandleW(None)
        for kind, procedure in ((win32.WH_KEYBOARD_LL, self._keyboard_proc), (win32.WH_MOUSE_LL, self._mouse_proc)):
            handle = self._api.SetWindowsHookExW(kind, procedure, module, 0)
            if not handle:
                error = self._api.error("Windows refuses an input hook")
                self._unhook()
                raise error
            self._handles.append(handle)

    def _unhook(self) -> None:
        while self._handles:
            self._api.UnhookWindowsHookEx(self._handles.pop())

    def _listen_to_mice(self) -> bool:
        """Raw input comes to a window; nobody sees this one."""
        api = self._api
        kind = structures.WNDCLASSW(
            lpfnWndProc=self._window_proc, lpszClassName=_WINDOW_CLASS, hInstance=api.GetModuleHandleW(None)
        )
        api.RegisterClassW(byref(kind))
        self._window = api.CreateWindowExW(
            0, _WINDOW_CLASS, None, 0, 0, 0, 0, 0, win32.HWND_MESSAGE, None, kind.hInstance, None
        )
        if not self._window:
            return False
        flags = win32.RIDEV_INPUTSINK | win32.RIDEV_DEVNOTIFY
        # Generic desktop: mouse, keyboard. Of keyboards only their coming and going is wanted.
        wanted = (structures.RAWINPUTDEVICE * 2)(
            structures.RAWINPUTDEVICE(1, 2, flags, self._window), structures.RAWINPUTDEVICE(1, 6, flags, self._window)
        )
        return bool(api.RegisterRawInputDevices(wanted, 2, sizeof(structures.RAWINPUTDEVICE)))

    def _on_key(self, code: int, message: int, data: int) -> int:
        time_us = now_us()
        if code == win32.HC_ACTION:
            said = structures.KBDLLHOOKSTRUCT.from_address(data)
            self.last_tick = said.time
            self._note((KEY, (time_us, said.vkCode, said.scanCode, said.flags)))
            if self.swallow:
                return 1
        return int(self._api.CallNextHookEx(None, code, message, data))

    def _on_mouse(self, code: int, message: int, data: int) -> int:
        time_us = now_us()
        if code == win32.HC_ACTION:
            said = structures.MSLLHOOKSTRUCT.from_address(data)
            self.last_tick = said.time
            if said.flags & win32.LLMHF_INJECTED or not self.raw:
                high = ctypes.c_int16(said.mouseData >> 16).value
                self._note((INJECTED, (time_us, message, said.pt.x, said.pt.y, high)))
            if self.swallow:
                return 1
        return int(self._api.CallNextHookEx(None, code, message, data))

    def _on_message(self, window: int, message: int, wparam: int, lparam: int) -> int:
        if message == win32.WM_INPUT:
            self._take_packet(lparam)
        elif message == win32.WM_INPUT_DEVICE_CHANGE:
            self._note((DEVICES, ()))
        return int(self._api.DefWindowProcW(window, message, wparam, lparam))

    def _take_packet(self, handle: int) -> None:
        time_us = now_us()
        packet, size = structures.RAWINPUT(), ctypes.c_uint32(sizeof(structures.RAWINPUT))
        got = self._api.GetRawInputData(
            handle, win32.RID_INPUT, byref(packet), byref(size), sizeof(structures.RAWINPUTHEADER)
        )
        if got == 0xFFFFFFFF or packet.header.dwType != win32.RIM_TYPEMOUSE or not packet.header.hDevice:
            return  # a keyboard's, of which the hook tells; or what a program injected, of which the hook tells too
        mouse = packet.mouse
        self._note(
            (
                PACKET,
                (
                    time_us, packet.header.hDevice, mouse.usFlags, mouse.usButtonFlags, mouse.usButtonData, mouse.lLastX,
                    mouse.lLastY,
                ),
            )
        )  # fmt: skip

    def _note(self, note: Note) -> None:
        if len(self.notes) >= MOST_NOTES:
            self.lost = True
        else:
            self.notes.append(note)
        self._wake()  # type: ignore[operator]
