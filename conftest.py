"""For every test of the repository, the guest agent's too."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Hypothesis's own bounds, 200 ms for an example and a second for making the first ones up, measure the machine: a busy one stands
# still for longer now and then, and a test that is right fails.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
