"""Keywords about a VDI platform, a topic a file."""
