"""The desktop guest: LINUX with an X server, a small window manager, a terminal, and the SPICE agent with its session's half.

Its screen is a qxl, which the X server's own driver draws on with the device's commands. The kernel's driver, which would take the
device for plain pictures, is left out.

Its libraries are what these programs are linked with, and what those need: spice-vdagent is a GTK program. There is no udev: the X
server is told its devices (`guest_desktop/etc/atp/desktop`), and its fonts are the two that are built into libXfont2.
"""

from __future__ import annotations

from pathlib import Path

from ATPLibrary.lab.image.recipe import CMDLINE, DISK_MODULES, FILES, GUEST_FILES, Recipe

_OWN_FILES = Path(__file__).parent / "guest_desktop"

# Package -> its programs and other files.
_PROGRAMS: dict[str, tuple[str, ...]] = {
    "spice-vdagent": ("usr/bin/spice-vdagent", "usr/sbin/spice-vdagentd"),
    "evilwm": ("usr/bin/evilwm",),
    "xterm": ("usr/bin/xterm",),
    # What tests look into the desktop with.
    "xclip": ("usr/bin/xclip",),
    "x11-xserver-utils": ("usr/bin/xrandr", "usr/bin/xsetroot"),
    "xserver-xorg-core": (
        "usr/lib/xorg/Xorg",
        "usr/lib/xorg/protocol.txt",
        "usr/lib/xorg/modules/libvgahw.so",
    ),
    "xserver-xorg-video-qxl": ("usr/lib/xorg/modules/drivers/qxl_drv.so",),
    "xserver-xorg-input-evdev": ("usr/lib/xorg/modules/input/evdev_drv.so",),
    "x11-xkb-utils": ("usr/bin/xkbcomp",),
    "xkb-data": tuple(
        f"usr/share/X11/xkb/{each}"
        for each in ("rules/base", "geometry/pc", "keycodes/*", "types/*", "compat/*", *(
            f"symbols/{name}" for name in ("pc", "us", "inet", "srvr_ctrl", "keypad", "altwin", "latin", "level3", "level5", "ctrl")
        ))
    ),
    "libc-bin": ("usr/lib/locale/C.utf8/*",),
    "libx11-data": (
        "usr/share/X11/locale/locale.*",
        "usr/share/X11/locale/compose.dir",
        "usr/share/X11/locale/C/XLC_LOCALE",
        "usr/share/X11/locale/en_US.UTF-8/XLC_LOCALE",
    ),
}  # fmt: skip

# Package -> its libraries, without ".so".
_LIBRARIES = {
    "libasound2": "libasound",
    "libatk-bridge2.0-0": "libatk-bridge-2.0",
    "libatk1.0-0": "libatk-1.0",
    "libatspi2.0-0": "libatspi",
    "libaudit1": "libaudit",
    "libblkid1": "libblkid",
    "libbrotli1": "libbrotlidec libbrotlicommon",
    "libbsd0": "libbsd",
    "libbz2-1.0": "libbz2",
    "libcairo-gobject2": "libcairo-gobject",
    "libcairo2": "libcairo",
    "libcap-ng0": "libcap-ng",
    "libcap2": "libcap",
    "libdatrie1": "libdatrie",
    "libdbus-1-3": "libdbus-1",
    "libdrm2": "libdrm",
    "libepoxy0": "libepoxy",
    "libevdev2": "libevdev",
    "libffi8": "libffi",
    "libfontconfig1": "libfontconfig",
    "libfontenc1": "libfontenc",
    "libfreetype6": "libfreetype",
    "libfribidi0": "libfribidi",
    "libgcrypt20": "libgcrypt",
    "libgdk-pixbuf-2.0-0": "libgdk_pixbuf-2.0",
    "libgpg-error0": "libgpg-error",
    "libgraphite2-3": "libgraphite2",
    "libgtk-3-0": "libgtk-3 libgdk-3",
    "libharfbuzz0b": "libharfbuzz",
    "libice6": "libICE",
    "libjpeg62-turbo": "libjpeg",
    "liblz4-1": "liblz4",
    "liblzma5": "liblzma",
    "libmd0": "libmd",
    "libmount1": "libmount",
    "libmtdev1": "libmtdev",
    "libpango-1.0-0": "libpango-1.0",
    "libpangocairo-1.0-0": "libpangocairo-1.0",
    "libpangoft2-1.0-0": "libpangoft2-1.0",
    "libpciaccess0": "libpciaccess",
    "libpixman-1-0": "libpixman-1",
    "libpng16-16": "libpng16",
    "libselinux1": "libselinux",
    "libsm6": "libSM",
    "libsystemd0": "libsystemd",
    "libthai0": "libthai",
    "libtinfo6": "libtinfo",
    "libunwind8": "libunwind",
    "libutempter0": "libutempter",
    "libuuid1": "libuuid",
    "libwayland-client0": "libwayland-client",
    "libwayland-cursor0": "libwayland-cursor",
    "libwayland-egl1": "libwayland-egl",
    "libx11-6": "libX11",
    "libxau6": "libXau",
    "libxaw7": "libXaw7 libXaw",
    "libxcb-render0": "libxcb-render",
    "libxcb-shm0": "libxcb-shm",
    "libxcb1": "libxcb",
    "libxcomposite1": "libXcomposite",
    "libxcursor1": "libXcursor",
    "libxcvt0": "libxcvt",
    "libxdamage1": "libXdamage",
    "libxdmcp6": "libXdmcp",
    "libxext6": "libXext",
    "libxfixes3": "libXfixes",
    "libxfont2": "libXfont2",
    "libxft2": "libXft",
    "libxi6": "libXi",
    "libxinerama1": "libXinerama",
    "libxkbcommon0": "libxkbcommon",
    "libxkbfile1": "libxkbfile",
    "libxmu6": "libXmu",
    "libxmuu1": "libXmuu",
    "libxpm4": "libXpm",
    "libxrandr2": "libXrandr",
    "libxrender1": "libXrender",
    "libxshmfence1": "libxshmfence",
    "libxt6": "libXt",
    "libzstd1": "libzstd",
}
# More of what LINUX takes some of already.
_MORE = {"libc6": "libpthread libdl", "libglib2.0-0": "libgio-2.0 libgobject-2.0"}


def _files() -> dict[str, tuple[str, ...]]:
    files = {**FILES, **_PROGRAMS}
    for package, names in {**_LIBRARIES, **_MORE}.items():
        patterns = [f"{top}lib/x86_64-linux-gnu/{name}.so*" for name in names.split() for top in ("usr/", "")]
        files[package] = (*files.get(package, ()), *patterns)
    return files


DESKTOP = Recipe(
    "desktop",
    "desktop guest image",
    _files(),
    tuple(each for each in DISK_MODULES if each != "qxl"),
    CMDLINE,
    192,
    (GUEST_FILES, _OWN_FILES),
)
