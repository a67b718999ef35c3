"""Keywords about users by the sheet, whether they are there, and where else they come from."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError, VerificationError
from ATPLibrary.keywords import output
from ATPLibrary.keywords.platform.looking import Looking
from ATPLibrary.keywords.platform.people import remove_users, users_named
from ATPLibrary.orchestrator.creations import ClosingLevel

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient


class UserSheetKeywords(Looking):
    @keyword(tags=["Platform", "User"])
    def save_user_sheet(self, file: str, timeout: timedelta | None = None) -> str:
        """Saves the empty spreadsheet that `Import Users` takes when it is filled in. Returns its path.

        - ``file``: where to, below the output directory unless it is absolute; one that is there is replaced.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | ${path} =    Save User Sheet    users.xls
        """

        async def get(client: VdiClient, seconds: float) -> bytes:
            return await client.users.import_sheet(timeout=seconds)

        sheet = self.ask("Getting the sheet for users", get, timeout)
        path = output.write(output.directory() / file, sheet)
        logger.info(f"Wrote the sheet for users, {len(sheet)} bytes, to {path}.")
        return str(path)

    @keyword(tags=["Platform", "User"])
    def import_users(
        self, path: Path, *, closing: ClosingLevel | None = None, timeout: timedelta | None = None
    ) -> list[str]:
        """Creates the users of a spreadsheet, and returns the accounts that are new.

        What the platform says about the sheet's rows is in the log. A sheet that makes no user fails, with what the platform says.

        - ``path``: the spreadsheet, as `Save User Sheet` saves it, filled in.
        - ``closing``: when they are removed: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{users} =    Import Users    ${CURDIR}/users.xls
        | Should Contain    ${users}    zhangsan
        """
        if not path.is_file():
            raise InputError(f"There is no sheet '{path}' to import users from.")
        sheet = path.read_bytes()

        async def read(client: VdiClient, seconds: float) -> tuple[list[str], list[str]]:
            before = set(await users_named(client, None, None, seconds))
            new: list[str] = []

            async def remove(client: VdiClient, seconds: float) -> None:
                await remove_users(client, new, seconds)

            with self.making("users", f"of {path.name}", remove, closing):
                lines = await client.users.import_(sheet, timeout=seconds)
            new += [each for each in await users_named(client, None, None, seconds) if each not in before]
            return [*lines], new

        lines, made = self.ask(f"Importing the users of '{path}'", read, timeout)
        said = "; ".join(lines)
        if not made:
            raise VerificationError.about(f"The sheet '{path}'", wanted="make users", got=f"made none ({said})")
        logger.info(f"Imported {len(made)} users: {', '.join(made)}. The platform says: {said or 'nothing'}.")
        return made

    @keyword(tags=["Platform", "User"])
    def synchronize_users(
        self, source: Literal["directory", "zhezhengding"] = "directory", timeout: timedelta | None = None
    ) -> None:
        """Makes the platform read its users and groups again from where they are kept.

        - ``source``: ``directory`` is the LDAP directory, ``zhezhengding`` the service of that name.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Synchronize Users    directory
        """

        async def read(client: VdiClient, seconds: float) -> None:
            if source == "directory":
                await client.users.sync_directory(timeout=seconds)
            else:
                await client.users.sync_zhezhengding(timeout=seconds)

        self.ask(f"Reading users from the {source}", read, timeout)
        logger.info(f"The platform has read its users from the {source} again.")

    @keyword(tags=["Platform", "User", "Assertion"])
    def user_should_exist(self, user: str, timeout: timedelta | None = None) -> None:
        """Fails unless the platform has a user of that account.

        - ``user``: the account.
        - ``timeout``: how long to wait until it does; by default it is looked at once.

        Example:
        | Log In To Platform
        | User Should Exist    zhangsan
        """
        self.should_exist(f"User '{user}'", _accounts, user, True, timeout)

    @keyword(tags=["Platform", "User", "Assertion"])
    def user_should_not_exist(self, user: str, timeout: timedelta | None = None) -> None:
        """Fails if the platform has a user of that account.

        - ``user``: the account.
        - ``timeout``: how long to wait until it is gone; by default it is looked at once.

        Example:
        | Log In To Platform
        | User Should Not Exist    lisi
        """
        self.should_exist(f"User '{user}'", _accounts, user, False, timeout)


async def _accounts(client: VdiClient, seconds: float) -> list[str]:
    return await users_named(client, None, None, seconds)
