"""What this machine's KVM says of itself."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

DEVICE = Path("/dev/kvm")
# linux/kvm.h
_GET_API_VERSION = 0xAE00


def device(path: Path = DEVICE) -> str:
    """Whether it is there, may be opened and answers: half a sentence. One that answers may still never run a guest."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return f"this machine has no {path}"
    except OSError as error:
        return f"this machine's {path} can't be opened ({error.strerror})"
    try:
        version = fcntl.ioctl(descriptor, _GET_API_VERSION, 0)
    except OSError as error:
        return f"this machine's {path} doesn't answer as KVM does ({error.strerror})"
    finally:
        os.close(descriptor)
    return f"this machine's {path} answers (version {version} of its interface)"
