"""A camera of GStreamer's RTSP server, for what the pip server cannot do: logins and UDP.

Runs under Debian's own Python (its GStreamer bindings are no pip packages):
    /usr/bin/python3 gst_server.py USER PASSWORD basic|digest        prints its port; ends with its standard input
A ball flies through the picture, 320×240 at 10 fps.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 - the versions come first

PIPELINE = (
    "( videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=10/1 "
    "! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10 ! rtph264pay name=pay0 pt=96 config-interval=-1 )"
)


def main(user: str, password: str, kind: str) -> None:
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(PIPELINE)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    permissions = GstRtspServer.RTSPPermissions()
    for right in ("media.factory.access", "media.factory.construct"):
        permissions.add_permission_for_role("viewer", right, True)
    factory.set_permissions(permissions)
    login = GstRtspServer.RTSPAuth()
    if kind == "basic":
        login.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    else:
        from gi.repository import GstRtsp

        login.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        login.add_digest(user, password, token)
    server.set_auth(login)
    server.get_mount_points().add_factory("/cam", factory)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    loop = GLib.MainLoop()
    GLib.io_add_watch(0, GLib.IO_HUP, lambda *_: loop.quit())
    loop.run()


main(*sys.argv[1:])
