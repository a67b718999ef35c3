"""The vendor's paths, a router for each group. Each route is thin: check, do, answer in the vendor's shape."""

from __future__ import annotations

from ATPLibrary.lab.platform.routes import (
    alarms,
    desk_pools,
    disks,
    domain_life,
    domains,
    events,
    groups,
    host_devices,
    hosts,
    isos,
    logs,
    models,
    moving,
    nics,
    panel,
    resource_pools,
    serials,
    sessions,
    sheets,
    snapshots,
    storage,
    terminals,
    usb,
    user_login,
    users,
)

# In this order paths are tried: those with a fixed word before those where an id stands in its place.
GROUPS = (
    sessions, user_login, sheets, users, groups, events, desk_pools, disks, isos, nics, serials, snapshots, moving, domain_life,
    domains, host_devices, hosts, resource_pools, models, storage, panel, alarms, terminals, usb, logs,
)  # fmt: skip
ROUTERS = tuple(each.router for each in GROUPS)
