"""The vendor's paths, a router for each group. Each route is thin: check, do, answer in the vendor's shape."""

from __future__ import annotations

from ATPLibrary.lab.platform.routes import (
    desk_pools,
    devices,
    disks,
    domain_life,
    domains,
    events,
    hosts,
    house,
    models,
    panel,
    resource_pools,
    sessions,
    snapshots,
    storage,
    users,
)

# In this order paths are tried: those with a fixed word before those where an id stands in its place.
GROUPS = (
    sessions, users, events, desk_pools, disks, devices, snapshots, domain_life, domains,
    hosts, resource_pools, models, storage, panel, house,
)  # fmt: skip
ROUTERS = (*(group.router for group in GROUPS), users.login_router)
