"""Resource pools."""

CALLS = {
    "Create Resource Pool": "laboratory",
    "Update Resource Pool": "laboratory    cpu_over=2",
    "Put Resource Pool Into Maintenance": "laboratory",
    "Return Resource Pool To Service": "laboratory",
    "Delete Resource Pool": "laboratory",
    "Get Resource Pools": "",
    "Get Resource Pool": "laboratory    status    ==    normal    timeout=5 min",
    "Resource Pool Should Exist": "laboratory",
    "Resource Pool Should Not Exist": "laboratory",
    "Get Resource Pool Disk Buses": "laboratory",
    "Get Idle Desktops": "laboratory",
}
