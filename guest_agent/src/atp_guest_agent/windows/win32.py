"""Constants and functions of Win32 that the agent uses, with their signatures: `load()` gives the real functions, and a test may
give others of the same signatures. The types are in `structures`.
"""

from __future__ import annotations

import ctypes
import sys
from ctypes import POINTER, c_int16, c_int32, c_size_t, c_uint16, c_void_p

from atp_guest_agent.windows.structures import (
    BOOL,
    DWORD,
    HANDLE,
    HANDLER_EX,
    HANDLER_ROUTINE,
    HOOKPROC,
    LASTINPUTINFO,
    LONG,
    LPARAM,
    LPCWSTR,
    LPVOID,
    LRESULT,
    MSG,
    OVERLAPPED,
    PROCESS_INFORMATION,
    RAWINPUTDEVICE,
    RAWINPUTDEVICELIST,
    SECURITY_ATTRIBUTES,
    SERVICE_STATUS,
    SERVICE_TABLE_ENTRYW,
    STARTUPINFOW,
    UINT,
    WNDCLASSW,
    WPARAM,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

INVALID_HANDLE = c_void_p(-1).value
INFINITE = 0xFFFFFFFF
SYNCHRONIZE = 0x100000
WAIT_OBJECT_0, WAIT_TIMEOUT, WAIT_FAILED = 0, 0x102, 0xFFFFFFFF
ERROR_FILE_NOT_FOUND, ERROR_BROKEN_PIPE, ERROR_PIPE_BUSY, ERROR_IO_PENDING = 2, 109, 231, 997
ERROR_SERVICE_DOES_NOT_EXIST, ERROR_SERVICE_NOT_ACTIVE = 1060, 1062
GENERIC_READ, GENERIC_WRITE, OPEN_EXISTING, FILE_FLAG_OVERLAPPED = 0x80000000, 0x40000000, 3, 0x40000000
WH_KEYBOARD_LL, WH_MOUSE_LL, HC_ACTION = 13, 14, 0
WM_QUIT, WM_APP, WM_INPUT, WM_INPUT_DEVICE_CHANGE, PM_REMOVE = 0x12, 0x8000, 0xFF, 0xFE, 1
WM_MOUSEMOVE, WM_LBUTTONDOWN, WM_MOUSEWHEEL, WM_MOUSEHWHEEL = 0x200, 0x201, 0x20A, 0x20E
LLKHF_EXTENDED, LLKHF_INJECTED, LLKHF_UP = 0x01, 0x10, 0x80
LLMHF_INJECTED = 0x01
RID_INPUT, RIDI_DEVICENAME, RIM_TYPEMOUSE, RIM_TYPEKEYBOARD = 0x10000003, 0x20000007, 0, 1
RIDEV_INPUTSINK, RIDEV_DEVNOTIFY, RIDEV_REMOVE = 0x100, 0x2000, 0x1
MOUSE_MOVE_ABSOLUTE = 0x01
MAPVK_VK_TO_VSC_EX = 4
SM_CXSCREEN, SM_CYSCREEN = 0, 1
HWND_MESSAGE = -3
PER_MONITOR_AWARE_V2 = -4
CTRL_NAMES = {0: "ctrl+c", 1: "ctrl+break", 2: "the console was closed", 5: "log-off", 6: "shutdown"}

# Name -> what it gives, what it takes; by the DLL that has it.
SIGNATURES: dict[str, dict[str, tuple[Any, ...]]] = {
    "kernel32": {
        "AssignProcessToJobObject": (BOOL, HANDLE, HANDLE),
        "CancelIoEx": (BOOL, HANDLE, POINTER(OVERLAPPED)),
        "CloseHandle": (BOOL, HANDLE),
        "CreateEventW": (HANDLE, POINTER(SECURITY_ATTRIBUTES), BOOL, BOOL, LPCWSTR),
        "CreateFileW": (HANDLE, LPCWSTR, DWORD, DWORD, LPVOID, DWORD, DWORD, HANDLE),
        "CreateJobObjectW": (HANDLE, LPVOID, LPCWSTR),
        "GetCurrentProcess": (HANDLE,),
        "GetCurrentThreadId": (DWORD,),
        "GetExitCodeProcess": (BOOL, HANDLE, POINTER(DWORD)),
        "GetLastError": (DWORD,),
        "GetModuleHandleW": (HANDLE, LPCWSTR),
        "GetOverlappedResult": (BOOL, HANDLE, POINTER(OVERLAPPED), POINTER(DWORD), BOOL),
        "GetSystemFirmwareTable": (UINT, DWORD, DWORD, LPVOID, DWORD),
        "GetTickCount": (DWORD,),
        "OpenEventW": (HANDLE, DWORD, BOOL, LPCWSTR),
        "ReadFile": (BOOL, HANDLE, LPVOID, DWORD, POINTER(DWORD), POINTER(OVERLAPPED)),
        "ResetEvent": (BOOL, HANDLE),
        "ResumeThread": (DWORD, HANDLE),
        "SetConsoleCtrlHandler": (BOOL, HANDLER_ROUTINE, BOOL),
        "SetEvent": (BOOL, HANDLE),
        "SetInformationJobObject": (BOOL, HANDLE, c_int32, LPVOID, DWORD),
        "TerminateProcess": (BOOL, HANDLE, UINT),
        "WaitForMultipleObjects": (DWORD, DWORD, POINTER(HANDLE), BOOL, DWORD),
        "WaitForSingleObject": (DWORD, HANDLE, DWORD),
        "WriteFile": (BOOL, HANDLE, LPVOID, DWORD, POINTER(DWORD), POINTER(OVERLAPPED)),
        "WTSGetActiveConsoleSessionId": (DWORD,),
    },
    "user32": {
        "CallNextHookEx": (LRESULT, HANDLE, c_int32, WPARAM, LPARAM),
        "CreateWindowExW": (
            HANDLE, DWORD, LPCWSTR, LPCWSTR, DWORD, c_int32, c_int32, c_int32, c_int32, HANDLE, HANDLE, HANDLE, LPVOID,
        ),
        "DefWindowProcW": (LRESULT, HANDLE, UINT, WPARAM, LPARAM),
        "DestroyWindow": (BOOL, HANDLE),
        "DispatchMessageW": (LRESULT, POINTER(MSG)),
        "GetAsyncKeyState": (c_int16, c_int32),
        "GetLastInputInfo": (BOOL, POINTER(LASTINPUTINFO)),
        "GetMessageW": (BOOL, POINTER(MSG), HANDLE, UINT, UINT),
        "GetRawInputData": (UINT, LPVOID, UINT, LPVOID, POINTER(UINT), UINT),
        "GetRawInputDeviceInfoW": (UINT, HANDLE, UINT, LPVOID, POINTER(UINT)),
        "GetRawInputDeviceList": (UINT, POINTER(RAWINPUTDEVICELIST), POINTER(UINT), UINT),
        "GetSystemMetrics": (c_int32, c_int32),
        "GetThreadDesktop": (HANDLE, DWORD),
        "MapVirtualKeyW": (UINT, UINT, UINT),
        "PeekMessageW": (BOOL, POINTER(MSG), HANDLE, UINT, UINT, UINT),
        "PostThreadMessageW": (BOOL, DWORD, UINT, WPARAM, LPARAM),
        "RegisterClassW": (c_uint16, POINTER(WNDCLASSW)),
        "RegisterRawInputDevices": (BOOL, POINTER(RAWINPUTDEVICE), UINT, UINT),
        "SetProcessDpiAwarenessContext": (BOOL, HANDLE),
        "SetThreadDesktop": (BOOL, HANDLE),
        "SetWindowsHookExW": (HANDLE, c_int32, HOOKPROC, HANDLE, DWORD),
        "UnhookWindowsHookEx": (BOOL, HANDLE),
    },
    "shell32": {"SHGetFolderPathW": (LONG, HANDLE, c_int32, HANDLE, DWORD, LPVOID)},
    "ntdll": {"NtQuerySystemInformation": (LONG, c_int32, LPVOID, DWORD, POINTER(DWORD))},
    "ws2_32": {
        "WSAEventSelect": (c_int32, c_size_t, HANDLE, LONG),
        "WSAEnumNetworkEvents": (c_int32, c_size_t, HANDLE, LPVOID),
    },
    "advapi32": {
        "ChangeServiceConfig2W": (BOOL, HANDLE, DWORD, LPVOID),
        "CloseServiceHandle": (BOOL, HANDLE),
        "ControlService": (BOOL, HANDLE, DWORD, POINTER(SERVICE_STATUS)),
        "CreateProcessAsUserW": (
            BOOL, HANDLE, LPCWSTR, LPVOID, LPVOID, LPVOID, BOOL, DWORD, LPVOID, LPCWSTR,
            POINTER(STARTUPINFOW), POINTER(PROCESS_INFORMATION),
        ),
        "CreateServiceW": (
            HANDLE, HANDLE, LPCWSTR, LPCWSTR, DWORD, DWORD, DWORD, DWORD, LPCWSTR, LPCWSTR, LPVOID, LPCWSTR, LPCWSTR, LPCWSTR,
        ),
        "DeleteService": (BOOL, HANDLE),
        "DuplicateTokenEx": (BOOL, HANDLE, DWORD, LPVOID, c_int32, c_int32, POINTER(HANDLE)),
        "OpenProcessToken": (BOOL, HANDLE, DWORD, POINTER(HANDLE)),
        "OpenSCManagerW": (HANDLE, LPCWSTR, LPCWSTR, DWORD),
        "OpenServiceW": (HANDLE, HANDLE, LPCWSTR, DWORD),
        "QueryServiceStatus": (BOOL, HANDLE, POINTER(SERVICE_STATUS)),
        "RegisterServiceCtrlHandlerExW": (HANDLE, LPCWSTR, HANDLER_EX, LPVOID),
        "SetServiceStatus": (BOOL, HANDLE, POINTER(SERVICE_STATUS)),
        "SetTokenInformation": (BOOL, HANDLE, c_int32, LPVOID, DWORD),
        "StartServiceCtrlDispatcherW": (BOOL, POINTER(SERVICE_TABLE_ENTRYW)),
        "StartServiceW": (BOOL, HANDLE, DWORD, POINTER(LPCWSTR)),
    },
}  # fmt: skip


class Win32:
    """The functions by their names. `source(dll, name)` gives one that takes its signature (`restype`, `argtypes`)."""

    def __init__(self, source: Callable[[str, str], Any]) -> None:
        for dll, functions in SIGNATURES.items():
            for name, (result, *arguments) in functions.items():
                setattr(self, name, _function(source, dll, name, result, arguments))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    def error(self, what: str) -> OSError:
        """What the last call on this thread failed with."""
        if sys.platform == "win32":
            number = ctypes.get_last_error()
        else:
            number = self.GetLastError()
        return self.error_of(number, what)

    def error_of(self, number: int, what: str) -> OSError:
        if sys.platform == "win32":
            return OSError(None, f"{what}: {ctypes.FormatError(number).strip()}", None, number)
        return OSError(number, f"{what}: error {number}")

    def check(self, result: Any, what: str) -> Any:
        """`result`, unless it says that the call failed: then OSError."""
        if not result or result == INVALID_HANDLE:
            raise self.error(what)
        return result


def _function(source: Callable[[str, str], Any], dll: str, name: str, result: Any, arguments: list[Any]) -> Any:
    try:
        function = source(dll, name)
    except AttributeError:  # a Windows too old to have it
        return None
    function.restype = result
    function.argtypes = arguments
    return function


def load() -> Win32:
    """The real ones. Windows only."""
    libraries = {dll: ctypes.WinDLL(dll, use_last_error=True) for dll in SIGNATURES}  # type: ignore[attr-defined]
    return Win32(lambda dll, name: getattr(libraries[dll], name))
