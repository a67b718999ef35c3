"""The verifier's agent brought into guests, and taken away, through QEMU's guest agent (docs/decisions/0030-*)."""

from __future__ import annotations

from ATPLibrary.orchestrator.deployment.deploying import Deployed as Deployed
from ATPLibrary.orchestrator.deployment.deploying import deploy as deploy
from ATPLibrary.orchestrator.deployment.deploying import remove as remove
from ATPLibrary.orchestrator.deployment.wish import Wish as Wish
from ATPLibrary.orchestrator.deployment.wish import wish_for as wish_for
