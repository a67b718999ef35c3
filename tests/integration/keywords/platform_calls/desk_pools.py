"""Desk pools, and what the platform has."""

CALLS = {
    "Get Platform Hosts": "",
    "Get Models": "",
    "Get Platform VMs": "",
    "Create Desk Pool": "sales    model=m",
    "Enable Desk Pool": "sales",
    "Disable Desk Pool": "sales",
    "Delete Desk Pool": "sales",
    "Get Desk Pools": "",
    "Get Desk Pool": "sales",
    "Desk Pool Should Have": "sales    desktops=1",
    "Desk Pool Should Not Exist": "sales",
    "Get Desktops": "sales",
    "Start Desktops": "sales",
    "Close Desktops": "sales",
    "Reboot Desktops": "sales",
    "Suspend Desktops": "sales",
    "Resume Desktops": "sales",
    "Put Desktops To Sleep": "sales",
    "Wake Up Desktops": "sales",
    "Connect To Desk Pool": "sales",
}
