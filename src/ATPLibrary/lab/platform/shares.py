"""Links to share a model: made, kept and checked. The lab has no page behind them."""

from __future__ import annotations

import secrets
import time

from ATPLibrary.lab.platform.codes import Refusal
from ATPLibrary.lab.platform.models import Model
from ATPLibrary.lab.platform.records import Records
from ATPLibrary.lab.platform.requests.pools import ModelShareDto
from ATPLibrary.lab.platform.shapes.pools import ModelShareVO


class Shares:
    def __init__(self, records: Records) -> None:
        self._records = records

    def share(self, model: Model, request: ModelShareDto) -> ModelShareVO:
        check = secrets.token_hex(8)
        days = request.validDay if request.validDay is not None else 1
        link = {
            "url": f"{request.shareUrlPrefix or ''}?check={check}",
            "password": request.sharePassword or secrets.token_hex(3),
            "until": time.time() + min(days, 3650) * 24 * 3600,
            "model": model.id,
        }
        self._records.add("share", check, **link)
        return {"shareUrl": str(link["url"]), "sharePassword": str(link["password"])}

    def of(self, model: Model) -> ModelShareVO:
        links = [link for link in self._records.all("share") if link["model"] == model.id]
        if not links:
            raise Refusal(f"模板没有分享链接: {model.name} (the model has no link)")
        return {"shareUrl": links[-1]["url"], "sharePassword": links[-1]["password"]}

    def check(self, request: ModelShareDto) -> None:
        link = self._records.get("share", request.shareCheck or "")
        if link is None or link["until"] < time.time() or link["password"] != request.sharePassword:
            raise Refusal("分享链接无效 (the link is unknown or expired, or its password is wrong)")
