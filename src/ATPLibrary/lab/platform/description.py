"""The lab's own OpenAPI document, made of the routes: what they accept, and what they answer."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

TOKEN = {"type": "apiKey", "in": "header", "name": "Token"}


def describe() -> dict[str, Any]:
    """OpenAPI 3.1. A refusal is an answer like the others: HTTP 200, a `status` that isn't 0, and no `data`."""
    from fastapi import FastAPI
    from fastapi.openapi.utils import get_openapi

    from ATPLibrary.lab.platform.app import WITHOUT_TOKEN
    from ATPLibrary.lab.platform.routes import ROUTERS

    app = FastAPI()
    for router in ROUTERS:
        app.include_router(router)
    document = get_openapi(title="ATPLibrary lab platform", version=version("robotframework-atp"), routes=app.routes)
    document["components"]["securitySchemes"] = {"Token": TOKEN}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            operation["responses"].pop("422", None)  # wrong input is refused in the envelope
            operation["security"] = [] if path in WITHOUT_TOKEN else [{"Token": []}]
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
    return document
