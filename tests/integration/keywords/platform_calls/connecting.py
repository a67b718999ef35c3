"""From the platform's desktops to VMs."""

CALLS = {
    "Connect To Desktop": "sales-1",
    "Platform And Hypervisor Should Agree": "pool=sales",
    "Get Platform Differences": "sales-1",
}
