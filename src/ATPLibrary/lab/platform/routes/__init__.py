"""The vendor's paths, a router for each group. Each route is thin: check, do, answer in the vendor's shape."""

from __future__ import annotations

from ATPLibrary.lab.platform.routes import desk_pools, disks, domain_life, domains, events, hosts, models, sessions

# In this order paths are tried: those with a fixed word before those where an id stands in its place.
ROUTERS = tuple(module.router for module in (sessions, events, desk_pools, disks, domain_life, domains, hosts, models))
