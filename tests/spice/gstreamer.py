"""GStreamer's RTSP server without its package: that wants 50 MB of plugins, none of which a stream of H264 needs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from ATPLibrary.lab.image.packages import Apt

_PACKAGES = {
    "libgstrtspserver-1.0-0", "gir1.2-gst-rtsp-server-1.0", "gir1.2-gstreamer-1.0", "gir1.2-gst-plugins-base-1.0",
}  # fmt: skip
# Only to know whether this machine has lists of packages.
_ANY_KERNEL = "linux-image-amd64"
_LIBRARIES = "usr/lib/x86_64-linux-gnu"


def rtsp_server_unpacked(directory: Path) -> dict[str, str]:
    """What a process's environment needs to find it. The packages, half a megabyte, are fetched once into the lab's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "atp" / "packages"
    apt = Apt(cache, print)
    wanted = [each for each in apt.resolve(_ANY_KERNEL, sorted(_PACKAGES)) if each.name in _PACKAGES]
    for file in apt.download(wanted).values():
        subprocess.run(["dpkg-deb", "-x", file, directory], check=True, timeout=60)
    libraries = directory / _LIBRARIES
    return {"LD_LIBRARY_PATH": str(libraries), "GI_TYPELIB_PATH": str(libraries / "girepository-1.0")}
