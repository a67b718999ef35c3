"""Which agent may speak for which VM: the tokens that were made for them, and how one takes the place of another."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from ATPLibrary.errors import InputError
from ATPLibrary.secrets import Secret

TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class VmIdentity:
    """`key` tells VMs apart (its UUID), `name` is for sentences, `ids` are what its agent may call it."""

    key: str
    name: str
    ids: frozenset[str]

    @classmethod
    def of(cls, key: str, name: str, ids: Iterable[str | None] = ()) -> VmIdentity:
        return cls(key, name, frozenset(each.casefold() for each in (key, name, *ids) if each))


@dataclass(slots=True)
class _Tokens:
    vm: VmIdentity
    current: Secret
    previous: Secret | None = field(default=None)


class TokenBook:
    """The tokens of all VMs. They live as long as the run, whether the service runs or not."""

    def __init__(self) -> None:
        self._books: dict[str, _Tokens] = {}  # by the VM's key
        self._nobody = (
            make_token()
        )  # what strangers are compared with, so that an unknown VM takes as long as a known one

    def issue(self, vm: VmIdentity, token: Secret | None = None) -> Secret:
        """Give a VM a new token, or `token`; what it had is no longer valid. `InputError` where another VM has one of its ids."""
        for other in self._books.values():
            if other.vm.key != vm.key and (both := other.vm.ids & vm.ids):
                raise InputError.about(
                    f"VM '{vm.name}'",
                    wanted="be told apart from others by what its agent calls it",
                    got=f"VM '{other.vm.name}' ({other.vm.key}) is called {sorted(both)[0]!r} as well",
                    next_step="Rename one of them",
                )
        if token is not None and not token.reveal():
            raise InputError("A token can't be empty: whoever has none would have it.")
        self._books[vm.key] = _Tokens(vm, token or make_token())
        return self._books[vm.key].current

    def rotate(self, vm: VmIdentity) -> Secret:
        """A new token beside the one that is valid, which stays so until the new one was used. `InputError` where there is none."""
        book = self._books.get(vm.key)
        if book is None:
            raise InputError.about(
                f"VM '{vm.name}'", wanted="have a token to rotate", got="has none", next_step="Use 'Create Agent Token'"
            )
        # Rotated twice before an agent took up the new one: what the agent has is the older.
        book.previous = book.previous or book.current
        book.current = make_token()
        return book.current

    def knows(self, key: str) -> bool:
        return key in self._books

    def token_of(self, key: str) -> Secret | None:
        """The newest token of the VM with that key."""
        book = self._books.get(key)
        return None if book is None else book.current

    def admit(self, vm_id: str, token: object) -> VmIdentity | None:
        """The VM that an agent speaks for; None for a stranger. Takes the same time whatever is wrong, and however much of it."""
        called = vm_id.casefold()
        # All of them are looked at, wherever in the book it stands.
        book = next(iter([each for each in self._books.values() if called in each.vm.ids]), None)
        theirs = (token if isinstance(token, str) else "").encode("utf-8", "surrogatepass")
        current = self._nobody if book is None else book.current
        is_current = hmac.compare_digest(theirs, current.reveal().encode())
        previous = self._nobody if book is None or book.previous is None else book.previous
        is_previous = hmac.compare_digest(theirs, previous.reveal().encode())
        if book is None:
            return None
        if is_current:
            book.previous = None  # the new one is in the guest
        return book.vm if is_current or (is_previous and book.previous is not None) else None


def make_token() -> Secret:
    return Secret(secrets.token_urlsafe(TOKEN_BYTES))
