"""The agent on Windows: what differs from Linux, through ctypes alone. Nothing here is loaded elsewhere."""
