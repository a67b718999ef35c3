"""Which agent may speak for which VM, and how one token takes the place of another."""

from __future__ import annotations

import pytest

from ATPLibrary.errors import InputError
from ATPLibrary.secrets import Secret
from ATPLibrary.verifier.service.tokens import TokenBook, VmIdentity

pytestmark = pytest.mark.unit

VM = VmIdentity.of("5d1c-A", "sales-1", ("SERIAL", None))


def test_a_token_admits_by_any_of_the_vm_s_ids_and_no_other_token_does() -> None:
    book = TokenBook()
    token = book.issue(VM).reveal()
    for called in ("5d1c-a", "SALES-1", "serial"):
        assert book.admit(called, token) == VM
    assert book.admit("sales-2", token) is None
    for wrong in ("", token[:-1], token + "x", None, 7, ["x"], "\ud800"):
        assert book.admit("sales-1", wrong) is None


def test_tokens_are_long_and_never_the_same() -> None:
    book = TokenBook()
    made = {book.issue(VM).reveal() for _ in range(100)}
    assert len(made) == 100
    assert min(map(len, made)) >= 43
    assert all(token not in repr(book.__dict__) for token in made)


def test_a_created_token_ends_the_one_before_at_once() -> None:
    book = TokenBook()
    old = book.issue(VM).reveal()
    new = book.issue(VM).reveal()
    assert book.admit("sales-1", old) is None
    assert book.admit("sales-1", new) == VM


def test_a_rotated_token_is_valid_until_the_new_one_was_used() -> None:
    book = TokenBook()
    old = book.issue(VM).reveal()
    new = book.rotate(VM).reveal()
    assert book.admit("sales-1", old) == VM
    assert book.admit("sales-1", old) == VM
    assert book.admit("sales-1", new) == VM
    assert book.admit("sales-1", old) is None


def test_rotated_twice_the_agent_s_token_is_still_valid_and_the_one_it_never_had_is_not() -> None:
    book = TokenBook()
    old = book.issue(VM).reveal()
    never = book.rotate(VM).reveal()
    new = book.rotate(VM).reveal()
    assert book.admit("sales-1", never) is None
    assert book.admit("sales-1", old) == VM
    assert book.admit("sales-1", new) == VM
    assert book.admit("sales-1", old) is None


def test_what_cannot_be_told_apart_or_is_not_there_is_refused() -> None:
    book = TokenBook()
    with pytest.raises(InputError, match="Create Agent Token"):
        book.rotate(VM)
    with pytest.raises(InputError, match="can't be empty"):
        book.issue(VM, Secret(""))
    book.issue(VM)
    with pytest.raises(InputError, match=r"VM 'sales-1' .* is called 'serial' as well"):
        book.issue(VmIdentity.of("other", "sales-9", ("Serial",)))
    assert not book.knows("other")
