"""The SPICE agent (spice-vdagent) in the guest, spoken to through the main channel: capabilities, monitors, clipboard, files.

`messages` has its protocol in the words of the schema, `stream` cuts messages into chunks and joins them, `agent` is the state
machine with its tokens, `clipboard` and `transfers` what it carries. None of these does I/O; `talk` waits. Source: spice-protocol,
`vd_agent.h`.
"""
