"""The platform's one account, and the tokens given out for it."""

from __future__ import annotations

import hashlib
import hmac
import time
import uuid

from ATPLibrary.lab.platform.codes import Refusal, Status
from ATPLibrary.lab.platform.store import Store
from ATPLibrary.secrets import Secret

TOKEN_SECONDS = 12 * 3600.0


class Accounts:
    """`password` is kept as the MD5 that the vendor's protocol sends. A token is valid for `lifetime` seconds."""

    def __init__(self, store: Store, username: str, password: Secret, lifetime: float = TOKEN_SECONDS) -> None:
        self._store = store
        self.username = username
        digest = hashlib.md5(password.reveal().encode(), usedforsecurity=False).hexdigest()
        self._digest = Secret(digest)
        self._lifetime = lifetime

    def login(self, username: str, digest: str) -> str:
        """A new token. The same refusal for a wrong name and a wrong password."""
        right_name = hmac.compare_digest(username.encode(), self.username.encode())
        right_password = hmac.compare_digest(digest.encode(), self._digest.reveal().encode())
        if not (right_name and right_password):
            raise Refusal("用户名或密码错误 (wrong username or password)")
        token = str(uuid.uuid4())
        self._store.add_token(token, username, time.time() + self._lifetime)
        return token

    def check(self, token: str) -> None:
        """A refusal with the vendor's status where the token is missing, unknown or expired."""
        if not token or self._store.token_user(token) is None:
            raise Refusal("token校验失败 (missing, unknown or expired token)", Status.INVALID_TOKEN)

    def logout(self, token: str) -> None:
        self._store.remove_token(token)
