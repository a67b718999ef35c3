"""From the platform's desktops to VMs."""

CALLS = {
    "Connect To Desktop": "sales-1",
}
