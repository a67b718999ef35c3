"""A SPICE client for testers: link, ten kinds of channels, their messages, faults on purpose.

`schema` is the language that `messages` are written in; `frames`, `link` and `session` do no I/O; `client` joins them to the
sockets of `transport.spice_connection`. See docs/decisions/0029-spice-client.md.
"""
