"""Keywords about what users may do with their devices, how they are recognised, and which applications they have."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from robot.api import logger
from robot.api.deco import keyword
from robot.api.types import Secret

from ATPLibrary.errors import InputError, PlatformError
from ATPLibrary.keywords.assertions import Operator
from ATPLibrary.keywords.platform.base import PlatformComponent
from ATPLibrary.keywords.platform.people import group_path, some

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient
    from ATPLibrary.vdi.shapes.policies import Policy

Whose = Literal["user", "group"]


class UserPolicyKeywords(PlatformComponent):
    @keyword(tags=["Platform", "User", "Getter"])
    def get_device_policy(
        self,
        name: str,
        field: str | None = None,
        operator: Operator | None = None,
        expected: Any = None,
        *,
        of: Whose = "user",
        timeout: timedelta | None = None,
    ) -> Any:
        """Returns what the terminal of a user, or of a group's users, may do with its devices, or one field of that.

        The fields: ``clipboard_access``, ``disk_access``, ``disk_redirect``, ``enable_camera``, ``enable_redirection``,
        ``allow_internet``, ... The vendor gives their codes no meanings beyond the names; most are ``0`` and ``1``.

        - ``name``: the user's account, or the group's name or path.
        - ``field``: the field that is wanted; without it all of them are returned.
        - ``operator`` and ``expected``: an assertion about the field, such as ``==  0``.
        - ``of``: whether ``name`` is a ``user`` or a ``group``.
        - ``timeout``: how long to wait until the assertion holds; without it it is checked once.

        Example:
        | Log In To Platform
        | Get Device Policy    zhangsan    clipboard_access    ==    0
        | ${policy} =    Get Device Policy    sales    of=group
        """

        async def look(client: VdiClient, seconds: float) -> Policy:
            return await _policy(client, name, of, seconds)

        return self.looked_at(
            f"The device policy of {of} '{name}'", look, field, operator=operator, expected=expected, timeout=timeout
        )

    @keyword(tags=["Platform", "User"])
    def set_device_policy(
        self, name: str, *, of: Whose = "user", timeout: timedelta | None = None, **policy_fields: str
    ) -> None:
        """Changes what the terminal of a user, or of a group's users, may do with its devices. What isn't named stays.

        Where no policy was set before, all the fields that the platform wants must be named; the error says which.

        - ``name``: the user's account, or the group's name or path.
        - ``of``: whether ``name`` is a ``user`` or a ``group``.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).
        - ``policy_fields``: the fields of `Get Device Policy` with their new values.

        Example:
        | Log In To Platform
        | Set Device Policy    zhangsan    clipboard_access=0    enable_camera=0
        | Set Device Policy    sales    of=group    allow_internet=1
        """
        from ATPLibrary.vdi.shapes.policies import Policy

        some(f"'Set Device Policy' of {of} '{name}'", tuple(policy_fields))
        if unknown := sorted(policy_fields.keys() - Policy.model_fields.keys()):
            raise InputError.about(
                "A device policy",
                wanted="be changed by its fields",
                got=f"has none called {', '.join(unknown)}",
                next_step=f"It has {', '.join(sorted(Policy.model_fields.keys() - {'user', 'type', 'details'}))}",
            )

        async def change(client: VdiClient, seconds: float) -> None:
            subject = name if of == "user" else await group_path(client, name, seconds)
            try:
                known = (await _policy(client, name, of, seconds)).model_dump()
            except PlatformError as error:
                if error.status is None:
                    raise
                known = {}  # none was set yet
            values = known | policy_fields | {"user": subject, "type": str(int(_of(of)))}
            await client.users.set_policy(_checked(values), timeout=seconds)

        self.ask(f"Changing the device policy of {of} '{name}'", change, timeout)
        logger.info(
            f"The device policy of {of} '{name}' has {', '.join(f'{k} {v}' for k, v in policy_fields.items())}."
        )

    @keyword(tags=["Platform", "User", "Getter"])
    def get_user_applications(self, user: str, timeout: timedelta | None = None) -> list[str]:
        """Returns the names of the applications that a user has without a desktop.

        - ``user``: the account.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{applications} =    Get User Applications    zhangsan
        | Log    ${applications}
        """

        async def names(client: VdiClient, seconds: float) -> Sequence[str]:
            return [each.name or "" for each in await client.users.applications(user, timeout=seconds)]

        found = [*self.ask(f"Listing the applications of user '{user}'", names, timeout)]
        logger.info(f"User '{user}' has {len(found)} applications: {', '.join(found) or 'none'}.")
        return found

    @keyword(tags=["Platform", "User"])
    def set_user_fingerprint(self, user: str, fingerprint: Secret, timeout: timedelta | None = None) -> None:
        """Gives a user the fingerprint that a terminal recognises.

        - ``user``: the account.
        - ``fingerprint``: its code, in a secret variable.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | VAR    ${code: secret}    %{FINGERPRINT=aa55aa55}
        | Set User Fingerprint    zhangsan    ${code}
        """
        self.ask(
            f"Setting the fingerprint of user '{user}'",
            lambda client, s: client.users.set_fingerprint(user, fingerprint, timeout=s),
            timeout,
        )
        logger.info(f"User '{user}' has a fingerprint.")

    @keyword(tags=["Platform", "User", "Getter"])
    def get_users_with_fingerprint(self, timeout: timedelta | None = None) -> list[str]:
        """Returns the accounts of the users that have a fingerprint. The fingerprints themselves are kept secret.

        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{users} =    Get Users With Fingerprint
        | Log    ${users}
        """

        async def names(client: VdiClient, seconds: float) -> Sequence[str]:
            return [each.username or "" for each in await client.users.fingerprints(timeout=seconds)]

        found = [*self.ask("Listing the fingerprints", names, timeout)]
        logger.info(f"{len(found)} users have a fingerprint: {', '.join(found) or 'none'}.")
        return found


async def _policy(client: VdiClient, name: str, of: Whose, seconds: float) -> Policy:
    subject = name if of == "user" else await group_path(client, name, seconds)
    return await client.users.policy(subject, _of(of), timeout=seconds)


def _of(of: Whose) -> Any:
    from ATPLibrary.vdi.codes import PolicyOf

    return PolicyOf.USER if of == "user" else PolicyOf.GROUP


def _checked(values: dict[str, Any]) -> Policy:
    from pydantic import ValidationError

    from ATPLibrary.vdi.shapes.policies import Policy

    try:
        return Policy(**values)
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, each['loc']))} ({each['msg']})" for each in error.errors(include_input=False))
        raise InputError.about(
            f"The device policy of '{values['user']}'",
            wanted="be whole: none was set before"
            if len(values) < len(Policy.model_fields)
            else "be of the right types",
            got=f"isn't: {', '.join(problems)}",
            next_step="Name these fields too",
        ) from None
