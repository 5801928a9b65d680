"""Which passwords are acceptable, and their hashes."""

from __future__ import annotations

import pytest

from clinic_data import passwords
from clinic_data.errors import ValidationError


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short pass", "at least 12"),
        ("x" * 257, "at most 256"),
        ("my-ADA.lovelace-pass", "user name"),
        ("Password1234", "most common"),
        ("ＰＡＳＳＷＯＲＤ１２３４", "most common"),
        ("correct horse battery staple", "most common"),
        ("aaaaaaaabbbbbbb", "different characters"),
    ],
)
def test_policy_refuses_and_names_the_rule(password: str, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        passwords.check_policy(password, "ada.lovelace")


@pytest.mark.parametrize("password", ["violet harbour lamp 7", "Øystein går på tur i dag", "x9-Kw!2pQ_zz"])
def test_policy_accepts_phrases_in_any_script_without_forced_symbols(password: str) -> None:
    passwords.check_policy(password, "ada.lovelace")


def test_hash_is_argon2id_salted_and_verifies_only_its_password() -> None:
    first, second = passwords.hash_password("violet harbour"), passwords.hash_password("violet harbour")
    assert first.startswith("$argon2id$")
    assert first != second
    assert passwords.verify_password(first, "violet harbour")
    assert not passwords.verify_password(first, "violet harbour ")


def test_the_same_password_typed_as_other_code_points_verifies() -> None:
    assert passwords.verify_password(passwords.hash_password("caf\u00e9 de la gare"), "cafe\u0301 de la gare")


@pytest.mark.parametrize("stored", [None, "", "no hash at all"])
def test_nothing_verifies_without_a_hash(stored: str | None) -> None:
    assert not passwords.verify_password(stored, "")
    assert not passwords.verify_password(stored, "violet harbour")
