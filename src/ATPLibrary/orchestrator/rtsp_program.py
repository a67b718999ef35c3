"""GStreamer's RTSP server for one stream: a program by itself, run by the system's Python, which has GStreamer's bindings.

    rtsp_program.py ADDRESS PORT PATH
    rtsp_program.py                     # only says whether it could

It imports nothing of this library, and reads pictures in H264 from its standard input: a head (`HEAD`: bytes, and whether it is
a key picture, one that needs no other), then those bytes. Where the input ends it lets its viewers go and ends.

It says, a line each: `missing PACKAGE...`, `ready`, `failed WHY`, `listening PORT`, `key` (who has come needs a key picture),
`watched`, `unwatched`.
"""

from __future__ import annotations

import os
import struct
import sys
import threading
from typing import Any, BinaryIO

HEAD = struct.Struct("<I?")
# What is read of a picture at most: more is no picture.
_LONGEST = 64 << 20
# What may wait for viewers that don't take it, before pictures are left out until one that needs no other.
_MOST_WAITING = 8 << 20
_MOST_VIEWERS, _LONGEST_REQUEST = 32, 64 << 10
_SESSIONS_SECONDS = 5
_BASE, _GOOD = "gstreamer1.0-plugins-base", "gstreamer1.0-plugins-good"
_ELEMENTS = {"appsrc": _BASE, "rtph264pay": _GOOD, "rtpbin": _GOOD, "udpsrc": _GOOD}
# The time of a picture is that of its coming: nothing here waits for a moment to show it.
_PIPELINE = (
    "( appsrc name=pictures is-live=true do-timestamp=true format=time block=false "
    "caps=video/x-h264,stream-format=byte-stream,alignment=au ! rtph264pay name=pay0 pt=96 config-interval=-1 )"
)


def say(*words: object) -> None:
    """One line in one piece, from whichever thread."""
    try:
        os.write(1, (" ".join(map(str, words)) + "\n").encode())
    except OSError:
        os._exit(0)  # nobody is there any more


class Stream:
    """What is on its way to the viewers; they share one pipeline, which is there while somebody watches."""

    def __init__(self, gst: Any) -> None:
        self._gst = gst
        self._lock = threading.Lock()
        self._source: Any = None
        self._media: Any = None
        self._is_watched = False
        self._needs_key = True

    def configure(self, factory: Any, media: Any) -> None:
        """The first viewer asks what there is: one picture makes the answer."""
        with self._lock:
            self._media, self._source = media, media.get_element().get_child_by_name("pictures")
            self._is_watched, self._needs_key = False, True
        media.connect("unprepared", self.unprepared)
        say("key")

    def watched(self, client: Any, context: Any) -> None:
        """One viewer more."""
        with self._lock:
            self._is_watched = True
        say("watched")
        say("key")

    def unprepared(self, media: Any) -> None:
        with self._lock:
            if media is not self._media:
                return
            self._media = self._source = None
            self._is_watched = False
        say("unwatched")

    def push(self, picture: bytes, is_key: bool) -> None:
        with self._lock:
            if self._source is None:
                return
            if self._source.get_property("current-level-bytes") > _MOST_WAITING:
                self._needs_key = True
                return
            # Until they watch they need the one picture that tells them what there is, and no more.
            if (self._needs_key or not self._is_watched) and not is_key:
                return
            self._needs_key = False
            self._source.emit("push-buffer", self._gst.Buffer.new_wrapped(picture))


def main(address: str = "", port: str = "", path: str = "") -> int:
    try:
        import gi

        gi.require_version("Gst", "1.0")
        gi.require_version("GstRtspServer", "1.0")
        from gi.repository import GLib, Gst, GstRtspServer
    except ImportError:
        say("missing", "python3-gi", "gir1.2-gst-rtsp-server-1.0", _GOOD)
        return 1
    except ValueError:
        say("missing", "gir1.2-gst-rtsp-server-1.0", _GOOD)
        return 1
    Gst.init(None)
    missing = {package for element, package in _ELEMENTS.items() if Gst.ElementFactory.find(element) is None}
    if missing:
        say("missing", *sorted(missing))
        return 1
    if not address:
        say("ready")
        return 0
    stream = Stream(Gst)
    factory = GstRtspServer.RTSPMediaFactory.new()
    factory.set_launch(_PIPELINE)
    factory.set_shared(True)
    factory.connect("media-configure", stream.configure)
    server = GstRtspServer.RTSPServer.new()
    server.set_address(address)
    server.set_service(port)
    server.set_content_length_limit(_LONGEST_REQUEST)
    server.get_mount_points().add_factory(path, factory)
    server.get_session_pool().set_max_sessions(_MOST_VIEWERS)
    server.connect("client-connected", lambda _, client: client.connect("play-request", stream.watched) and None)
    try:
        server.create_source(None).attach(None)
    except GLib.Error as error:
        say("failed", error.message)
        return 1
    loop = GLib.MainLoop()

    def end() -> bool:
        server.client_filter(lambda *_: GstRtspServer.RTSPFilterResult.REMOVE)
        loop.quit()
        return False

    def forget_sessions() -> bool:
        server.get_session_pool().cleanup()
        return True

    GLib.timeout_add_seconds(_SESSIONS_SECONDS, forget_sessions)
    threading.Thread(target=_read, args=(sys.stdin.buffer, stream, lambda: GLib.idle_add(end)), daemon=True).start()
    say("listening", server.get_bound_port())
    loop.run()
    return 0


def _read(source: BinaryIO, stream: Stream, end: Any) -> None:
    try:
        while len(head := source.read(HEAD.size)) == HEAD.size:
            size, is_key = HEAD.unpack(head)
            if size > _LONGEST or len(picture := source.read(size)) < size:
                break
            stream.push(picture, is_key)
    finally:
        end()


if __name__ == "__main__":
    result = main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(result)  # GStreamer's own threads are waited for by nobody
