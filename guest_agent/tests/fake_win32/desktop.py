"""The fake Windows's user32: desktops, hooks, messages, raw input. The test presses keys and moves mice."""

from __future__ import annotations

import ctypes
import queue
from collections import deque
from ctypes import byref, sizeof

from atp_guest_agent.windows import structures, win32
from fake_win32.kernel import ACCESS_DENIED, Kernel

KEYBOARD, MOUSE, TABLET = 0x10001, 0x10003, 0x10005
NAMES = {
    KEYBOARD: (1, "\\\\?\\ACPI#PNP0303#4&1b0b3f2&0#{884b96c3-56ef-11d1-bc8c-00a0c91405dd}"),
    MOUSE: (0, "\\\\?\\ACPI#PNP0F13#4&1b0b3f2&0#{378de44c-56ef-11d1-bc8c-00a0c91405dd}"),
    TABLET: (0, "\\\\?\\HID#VID_0627&PID_0001#6&2d1e3b&0&0000#{378de44c-56ef-11d1-bc8c-00a0c91405dd}"),
}
SERVICE_DESKTOP, USERS_DESKTOP = 0x8, 0x9C


class Desktop(Kernel):
    def __init__(self):
        super().__init__()
        self.hooked_desktops = []
        self.hooks = {}  # kind -> (procedure, thread)
        self.desktops = {}  # thread -> desktop, where it isn't the service's
        self.refuses_hooks = False
        self.window_proc = None
        self.raw_targets = []
        self.waiting_input = {}  # thread -> raw input, which comes after what was posted
        self.when_posted = lambda: None  # called when a thread is posted something
        self.devices = dict(NAMES)
        self.down = set()  # virtual keys
        self.input_tick = None

    # for the test

    def key(self, vk, scan, down, flags=0):
        """Press or let go of a key. True: the hooks kept it to themselves."""
        (self.down.add if down else self.down.discard)(vk)
        data = structures.KBDLLHOOKSTRUCT(vk, scan, flags | (0 if down else win32.LLKHF_UP), self.tick(), 0)
        kept = self.call_hook(win32.WH_KEYBOARD_LL, 0x100 if down else 0x101, data)
        if kept:
            self.down.discard(vk)
        return kept

    def mouse_hook(self, message, x=0, y=0, high=0, flags=win32.LLMHF_INJECTED):
        data = structures.MSLLHOOKSTRUCT(structures.POINT(x, y), (high & 0xFFFF) << 16, flags, self.tick(), 0)
        return self.call_hook(win32.WH_MOUSE_LL, message, data)

    def packet(self, device, flags=0, buttons=0, data=0, x=0, y=0):
        """A mouse's own packet, by raw input."""
        header = structures.RAWINPUTHEADER(win32.RIM_TYPEMOUSE, sizeof(structures.RAWINPUT), device, 0)
        raw = structures.RAWINPUT(header, structures.RAWMOUSE(flags, 0, buttons, data, 0, x, y, 0))
        handle = self.new(raw)
        for thread in self.raw_targets:
            self.waiting_input.setdefault(thread, deque()).append(structures.MSG(0x77, win32.WM_INPUT, 0, handle, 0))
            self.queues[thread].put(None)  # there is something

    def post(self, message, lparam=0):
        for thread in self.raw_targets:
            self.queues[thread].put(structures.MSG(0x77, message, 0, lparam, 0))

    def call_hook(self, kind, message, data):
        procedure, thread = self.hooks[kind]
        answer = queue.Queue()
        self.queues[thread].put(lambda: answer.put(procedure(0, message, ctypes.addressof(data))))
        return bool(answer.get(timeout=10))

    def tick(self):
        self.input_tick = self.GetTickCount()
        return self.input_tick

    # user32

    def GetThreadDesktop(self, thread):
        return self.desktops.get(thread, SERVICE_DESKTOP)

    def SetThreadDesktop(self, desktop):
        self.desktops[self.GetCurrentThreadId()] = desktop
        return 1

    def SetWindowsHookExW(self, kind, procedure, module, thread):
        assert thread == 0, "a low-level hook is of no thread"
        if self.refuses_hooks:
            return self.fail(ACCESS_DENIED)
        self.hooks[kind] = (procedure, self.GetCurrentThreadId())
        self.hooked_desktops.append(self.GetThreadDesktop(self.GetCurrentThreadId()))
        return self.new(("hook", kind))

    def UnhookWindowsHookEx(self, handle):
        _, kind = self.handles.pop(handle)
        del self.hooks[kind]
        return 1

    def CallNextHookEx(self, _hook, _code, _message, _data):
        return 0

    def GetMessageW(self, message, _window, _first, _last):
        thread = self.GetCurrentThreadId()
        messages, raw = self.queues[thread], self.waiting_input.setdefault(thread, deque())
        while True:
            said = messages.get()
            if callable(said):
                said()  # a hook is called here, and the caller never sees it
                continue
            if said is None:
                if any(each is not None for each in tuple(messages.queue)):  # what was posted goes first
                    messages.put(None)
                    continue
                if not raw:
                    continue
                said = raw.popleft()
            ctypes.memmove(message, byref(said), sizeof(said))
            return int(said.message != win32.WM_QUIT)

    def PeekMessageW(self, message, _window, first, last, remove):
        assert (first, last, remove) == (win32.WM_INPUT, win32.WM_INPUT, win32.PM_REMOVE)
        raw = self.waiting_input.setdefault(self.GetCurrentThreadId(), deque())
        if not raw:
            return 0
        said = raw.popleft()
        ctypes.memmove(message, byref(said), sizeof(said))
        return 1

    def DispatchMessageW(self, message):
        said = message.contents
        return self.window_proc(said.hwnd, said.message, said.wParam, said.lParam) if said.hwnd else 0

    def PostThreadMessageW(self, thread, message, wparam, lparam):
        self.queues[thread].put(structures.MSG(None, message, wparam, lparam, 0))
        self.when_posted()
        return 1

    def RegisterClassW(self, kind):
        # The structure is the caller's, and gone when this returns: only the function's address stays.
        self.window_proc = structures.WNDPROC(ctypes.cast(kind.contents.lpfnWndProc, ctypes.c_void_p).value)
        assert kind.contents.lpszClassName
        return 1

    def CreateWindowExW(self, _ex, name, _title, _style, _x, _y, _w, _h, parent, _menu, _instance, _data):
        assert name
        assert parent == ctypes.c_void_p(win32.HWND_MESSAGE).value
        return 0x77

    def DestroyWindow(self, window):
        assert window == 0x77
        return 1

    def DefWindowProcW(self, *_):
        return 0

    def RegisterRawInputDevices(self, wanted, count, size):
        assert size == sizeof(structures.RAWINPUTDEVICE)
        for number in range(count):
            assert wanted[number].hwndTarget == 0x77, "input of other windows comes only to a named one"
        self.raw_targets.append(self.GetCurrentThreadId())
        return 1

    def GetRawInputData(self, handle, command, data, size, header_size):
        assert command == win32.RID_INPUT
        assert header_size == sizeof(structures.RAWINPUTHEADER)
        raw = self.handles.pop(handle)
        if size.contents.value < sizeof(raw):
            return 0xFFFFFFFF
        ctypes.memmove(data, byref(raw), sizeof(raw))
        return sizeof(raw)

    def GetRawInputDeviceList(self, entries, count, size):
        assert size == sizeof(structures.RAWINPUTDEVICELIST)
        if not entries:
            count.contents.value = len(self.devices)
            return 0
        for number, (handle, (kind, _)) in enumerate(self.devices.items()):
            entries[number] = structures.RAWINPUTDEVICELIST(handle, kind)
        return len(self.devices)

    def GetRawInputDeviceInfoW(self, handle, command, data, size):
        assert command == win32.RIDI_DEVICENAME
        name = self.devices[handle][1]
        if size.contents.value <= len(name):
            return 0xFFFFFFFF
        text = ctypes.create_unicode_buffer(name)
        ctypes.memmove(data, text, sizeof(text))
        return len(name)

    def GetAsyncKeyState(self, vk):
        return -0x8000 if vk in self.down else 0

    def MapVirtualKeyW(self, vk, kind):
        assert kind == win32.MAPVK_VK_TO_VSC_EX
        return {0x41: 0x1E, 0xA0: 0x2A, 0xA3: 0xE01D, 0x25: 0xE04B}.get(vk, 0)

    def GetSystemMetrics(self, number):
        return {win32.SM_CXSCREEN: 1024, win32.SM_CYSCREEN: 768}[number]

    def GetLastInputInfo(self, info):
        assert info.contents.cbSize == sizeof(structures.LASTINPUTINFO)
        info.contents.dwTime = self.GetTickCount() if self.input_tick is None else self.input_tick
        return 1

    def SetProcessDpiAwarenessContext(self, context):
        assert context == ctypes.c_void_p(win32.PER_MONITOR_AWARE_V2).value
        return 1
