"""Types, structures and callbacks of Win32 that the agent uses.

Sizes are fixed here (`ctypes.wintypes` has a DWORD of 8 bytes off Windows), so that all of this can be used, and tested, anywhere.
"""

from __future__ import annotations

import ctypes
from ctypes import (
    POINTER,
    Structure,
    c_int16,
    c_int32,
    c_int64,
    c_size_t,
    c_ssize_t,
    c_uint16,
    c_uint32,
    c_void_p,
    c_wchar_p,
)

BOOL, DWORD, LONG, UINT, USHORT, WORD = c_int32, c_uint32, c_int32, c_uint32, c_uint16, c_uint16
HANDLE, LPVOID, LPCWSTR = c_void_p, c_void_p, c_wchar_p
WPARAM, LPARAM, LRESULT, ULONG_PTR = c_size_t, c_ssize_t, c_ssize_t, c_size_t

# Off Windows there is no other calling convention: C's stands for Windows's.
function_type = getattr(ctypes, "WINFUNCTYPE", ctypes.CFUNCTYPE)
HOOKPROC = function_type(LRESULT, c_int32, WPARAM, LPARAM)
WNDPROC = function_type(LRESULT, HANDLE, UINT, WPARAM, LPARAM)
HANDLER_ROUTINE = function_type(BOOL, DWORD)
SERVICE_MAIN = function_type(None, DWORD, POINTER(LPCWSTR))
HANDLER_EX = function_type(DWORD, DWORD, DWORD, LPVOID, LPVOID)


class POINT(Structure):
    _fields_ = [("x", LONG), ("y", LONG)]


class MSG(Structure):
    _fields_ = [
        ("hwnd", HANDLE),
        ("message", UINT),
        ("wParam", WPARAM),
        ("lParam", LPARAM),
        ("time", DWORD),
        ("pt", POINT),
    ]


class KBDLLHOOKSTRUCT(Structure):
    _fields_ = [("vkCode", DWORD), ("scanCode", DWORD), ("flags", DWORD), ("time", DWORD), ("dwExtraInfo", ULONG_PTR)]


class MSLLHOOKSTRUCT(Structure):
    _fields_ = [("pt", POINT), ("mouseData", DWORD), ("flags", DWORD), ("time", DWORD), ("dwExtraInfo", ULONG_PTR)]


class RAWINPUTDEVICE(Structure):
    _fields_ = [("usUsagePage", USHORT), ("usUsage", USHORT), ("dwFlags", DWORD), ("hwndTarget", HANDLE)]


class RAWINPUTDEVICELIST(Structure):
    _fields_ = [("hDevice", HANDLE), ("dwType", DWORD)]


class RAWINPUTHEADER(Structure):
    _fields_ = [("dwType", DWORD), ("dwSize", DWORD), ("hDevice", HANDLE), ("wParam", WPARAM)]


class RAWMOUSE(Structure):
    _fields_ = [
        ("usFlags", USHORT),
        ("_align", USHORT),
        ("usButtonFlags", USHORT),
        ("usButtonData", c_int16),  # signed where it is a wheel's
        ("ulRawButtons", DWORD),
        ("lLastX", LONG),
        ("lLastY", LONG),
        ("ulExtraInformation", DWORD),
    ]


class RAWINPUT(Structure):
    """Of a mouse; another device's data are longer or shorter, and not looked at."""

    _fields_ = [("header", RAWINPUTHEADER), ("mouse", RAWMOUSE)]


class WNDCLASSW(Structure):
    _fields_ = [
        ("style", UINT),
        ("lpfnWndProc", WNDPROC),
        ("cbClsExtra", c_int32),
        ("cbWndExtra", c_int32),
        ("hInstance", HANDLE),
        ("hIcon", HANDLE),
        ("hCursor", HANDLE),
        ("hbrBackground", HANDLE),
        ("lpszMenuName", LPCWSTR),
        ("lpszClassName", LPCWSTR),
    ]


class LASTINPUTINFO(Structure):
    _fields_ = [("cbSize", UINT), ("dwTime", DWORD)]


class OVERLAPPED(Structure):
    _fields_ = [
        ("Internal", ULONG_PTR),
        ("InternalHigh", ULONG_PTR),
        ("Offset", DWORD),
        ("OffsetHigh", DWORD),
        ("hEvent", HANDLE),
    ]


class TIMEOFDAY(Structure):
    """SYSTEM_TIMEOFDAY_INFORMATION, in units of 100 ns."""

    _fields_ = [
        ("BootTime", c_int64),
        ("CurrentTime", c_int64),
        ("TimeZoneBias", c_int64),
        ("TimeZoneId", DWORD),
        ("Reserved", DWORD),
        ("BootTimeBias", c_int64),
        ("SleepTimeBias", c_int64),
    ]


class STARTUPINFOW(Structure):
    _fields_ = [
        ("cb", DWORD),
        ("lpReserved", LPCWSTR),
        ("lpDesktop", LPCWSTR),
        ("lpTitle", LPCWSTR),
        ("dwX", DWORD),
        ("dwY", DWORD),
        ("dwXSize", DWORD),
        ("dwYSize", DWORD),
        ("dwXCountChars", DWORD),
        ("dwYCountChars", DWORD),
        ("dwFillAttribute", DWORD),
        ("dwFlags", DWORD),
        ("wShowWindow", WORD),
        ("cbReserved2", WORD),
        ("lpReserved2", LPVOID),
        ("hStdInput", HANDLE),
        ("hStdOutput", HANDLE),
        ("hStdError", HANDLE),
    ]


class PROCESS_INFORMATION(Structure):
    _fields_ = [("hProcess", HANDLE), ("hThread", HANDLE), ("dwProcessId", DWORD), ("dwThreadId", DWORD)]


class SECURITY_ATTRIBUTES(Structure):
    _fields_ = [("nLength", DWORD), ("lpSecurityDescriptor", LPVOID), ("bInheritHandle", BOOL)]


class JOB_LIMITS(Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION."""

    _fields_ = [
        ("PerProcessUserTimeLimit", c_int64),
        ("PerJobUserTimeLimit", c_int64),
        ("LimitFlags", DWORD),
        ("MinimumWorkingSetSize", c_size_t),
        ("MaximumWorkingSetSize", c_size_t),
        ("ActiveProcessLimit", DWORD),
        ("Affinity", ULONG_PTR),
        ("PriorityClass", DWORD),
        ("SchedulingClass", DWORD),
        ("IoInfo", c_int64 * 6),
        ("ProcessMemoryLimit", c_size_t),
        ("JobMemoryLimit", c_size_t),
        ("PeakProcessMemoryUsed", c_size_t),
        ("PeakJobMemoryUsed", c_size_t),
    ]


class SERVICE_STATUS(Structure):
    _fields_ = [
        ("dwServiceType", DWORD),
        ("dwCurrentState", DWORD),
        ("dwControlsAccepted", DWORD),
        ("dwWin32ExitCode", DWORD),
        ("dwServiceSpecificExitCode", DWORD),
        ("dwCheckPoint", DWORD),
        ("dwWaitHint", DWORD),
    ]


class SERVICE_TABLE_ENTRYW(Structure):
    _fields_ = [("lpServiceName", LPCWSTR), ("lpServiceProc", SERVICE_MAIN)]


class SC_ACTION(Structure):
    _fields_ = [("Type", c_int32), ("Delay", DWORD)]


class SERVICE_FAILURE_ACTIONSW(Structure):
    _fields_ = [
        ("dwResetPeriod", DWORD),
        ("lpRebootMsg", LPCWSTR),
        ("lpCommand", LPCWSTR),
        ("cActions", DWORD),
        ("lpsaActions", POINTER(SC_ACTION)),
    ]


class SERVICE_DESCRIPTIONW(Structure):
    _fields_ = [("lpDescription", LPCWSTR)]
