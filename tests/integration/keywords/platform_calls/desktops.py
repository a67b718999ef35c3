"""Desktops that are named."""

CALLS = {
    "Start Desktop": "sales-1    sales-2",
    "Close Desktop": "sales-1",
    "Reboot Desktop": "sales-1",
    "Suspend Desktop": "sales-1",
    "Resume Desktop": "sales-1",
    "Put Desktop To Sleep": "sales-1",
    "Wake Up Desktop": "sales-1",
}
