"""Keywords about users by the sheet, whether they are there, and where else they come from."""

from __future__ import annotations

import io
import unicodedata
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Callable
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

# How the sheets of old programs write texts.
_ENCODINGS = ("utf-8", "utf-16-le", "gb18030")


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
        """Creates the users of a spreadsheet, and returns the accounts in it that are new.

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
        is_named = named_in(sheet)

        async def read(client: VdiClient, seconds: float) -> tuple[list[str], list[str]]:
            before = set(await users_named(client, None, None, seconds))
            new: list[str] | None = None  # until the platform has answered

            async def ours(client: VdiClient, seconds: float) -> list[str]:
                """Somebody else may make users meanwhile: only those that the sheet names."""
                there = await users_named(client, None, None, seconds)
                return [each for each in there if each not in before and is_named(each)]

            async def remove(client: VdiClient, seconds: float) -> None:
                await remove_users(client, await ours(client, seconds) if new is None else new, seconds)

            with self.making("users", f"of {path.name}", remove, closing):
                lines = await client.users.import_(sheet, timeout=seconds)
            new = await ours(client, seconds)
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


def named_in(sheet: bytes) -> Callable[[str], bool]:
    """Whether a spreadsheet has that text in it: in a cell of its own, or anywhere in one of the old kind, which is no ZIP file."""

    def spelled(text: str) -> str:
        return unicodedata.normalize("NFC", text.strip()).casefold()

    try:
        with zipfile.ZipFile(io.BytesIO(sheet)) as package:
            parts = [ET.fromstring(package.read(name)) for name in package.namelist() if name.endswith(".xml")]
    except (zipfile.BadZipFile, ET.ParseError):
        return lambda text: any(text.encode(each, "replace") in sheet for each in _ENCODINGS)
    # A cell's text is in the cell or in the list of shared ones, there in pieces where a part of it is bold.
    cells = (each for part in parts for each in part.iter() if each.tag.rpartition("}")[2] in ("v", "t", "si", "is"))
    texts = {spelled("".join(each.itertext())) for each in cells} - {""}
    return lambda text: spelled(text) in texts
