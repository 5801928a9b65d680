"""What sealed values withstand, and where master keys come from."""

from __future__ import annotations

import base64
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic_data import master_keys, sealing
from clinic_data.errors import SealError
from clinic_data.master_keys import MasterKeys

KEY = bytes(range(32))
PLACE = "patient.family_name.1"


@given(st.binary(max_size=200), st.text(max_size=40).filter(lambda text: text.isprintable()))
def test_what_is_sealed_opens_again_in_its_place(plain: bytes, context: str) -> None:
    assert sealing.unseal(KEY, sealing.seal(KEY, plain, context), context) == plain


def test_equal_values_are_sealed_differently_and_tell_nothing() -> None:
    sealed = [sealing.seal(KEY, b"Moreau", PLACE) for _ in range(3)]
    assert len(set(sealed)) == 3
    assert all(b"Moreau" not in each for each in sealed)


def test_another_key_another_place_and_every_change_are_noticed() -> None:
    sealed = sealing.seal(KEY, b"Moreau", PLACE)
    with pytest.raises(SealError):
        sealing.unseal(sealing.new_key(), sealed, PLACE)
    with pytest.raises(SealError):
        sealing.unseal(KEY, sealed, "patient.family_name.2")
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(SealError):
            sealing.unseal(KEY, bytes(changed), PLACE)
    for length in range(len(sealed)):
        with pytest.raises(SealError):
            sealing.unseal(KEY, sealed[:length], PLACE)


def test_text_that_is_no_sealed_value_is_refused() -> None:
    with pytest.raises(SealError):
        sealing.from_text("no base64!")


def test_master_keys_survive_their_text_form_and_are_told_by_nothing_else() -> None:
    keys = MasterKeys([KEY, sealing.new_key()])
    text = f"# two keys\n\n{keys.text()}"
    read = MasterKeys.from_text(text)
    assert (read.ids, read.text()) == (keys.ids, keys.text())
    secret = base64.b64encode(KEY).decode()
    assert all(secret not in shown and KEY.hex() not in shown for shown in (repr(keys), str(keys), f"{keys!r}"))
    with pytest.raises(TypeError):
        pickle.dumps(keys)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment",
        "garbled",
        "0123456789abcdef QUJD",  # too short
        f"0123456789abcdef {base64.b64encode(KEY).decode()}",  # not its name
        f"{master_keys.key_id(KEY)} {base64.b64encode(KEY).decode()[:-4]}",
    ],
)
def test_a_damaged_line_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(SealError) as caught:
        MasterKeys.from_text(text)
    assert not text or text.split()[-1] not in str(caught.value)
    assert base64.b64encode(KEY).decode()[:8] not in str(caught.value)


def test_a_wrapped_key_opens_in_its_row_only() -> None:
    keys = MasterKeys.new()
    wrapped = keys.wrap(KEY, "data_key.1")
    assert keys.unwrap(keys.current, wrapped, "data_key.1") == KEY
    with pytest.raises(SealError):
        keys.unwrap(keys.current, wrapped, "data_key.2")
    with pytest.raises(SealError, match="which was not given"):
        MasterKeys.new().unwrap(keys.current, wrapped, "data_key.1")


def test_the_newest_key_wraps_and_the_older_ones_still_open() -> None:
    old, new = MasterKeys([KEY]), MasterKeys.new()
    both = old.behind(new)
    assert both.ids == (new.current, old.current)
    assert both.unwrap(old.current, old.wrap(b"x" * 32, "here"), "here") == b"x" * 32
    assert new.unwrap(new.current, both.wrap(b"y" * 32, "here"), "here") == b"y" * 32
    assert both.only([old.current]).ids == old.ids


def test_a_file_is_made_once_for_all_who_start_together_and_only_its_owner_reads_it(tmp_path) -> None:
    file = tmp_path / "keys" / "master.key"
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: master_keys.make_file(file).text(), range(8)))
    assert set(made) == {file.read_text()}
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_a_file_that_everybody_may_read_is_refused(tmp_path) -> None:
    file = tmp_path / "master.key"
    master_keys.make_file(file)
    file.chmod(0o644)
    with pytest.raises(SealError, match="chmod 600"):
        master_keys.read_file(file)


def test_a_missing_or_empty_file_is_told(tmp_path) -> None:
    with pytest.raises(SealError, match="cannot be read"):
        master_keys.read_file(tmp_path / "none")
    empty = tmp_path / "empty"
    empty.touch(mode=0o600)
    with pytest.raises(SealError, match="holds no master key"):
        master_keys.read_file(empty)


def test_a_replaced_file_holds_the_new_keys_only(tmp_path) -> None:
    file = tmp_path / "master.key"
    old = master_keys.make_file(file)
    master_keys.replace_file(file, MasterKeys([KEY]))
    assert old.current not in file.read_text()
    assert master_keys.read_file(file).ids == (master_keys.key_id(KEY),)
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_made_is_told(tmp_path) -> None:
    (tmp_path / "keys").touch()
    with pytest.raises(SealError, match="cannot be made"):
        master_keys.make_file(tmp_path / "keys" / "master.key")


def test_only_one_changes_the_file_at_a_time(tmp_path) -> None:
    file = tmp_path / "master.key"
    with (
        master_keys.only_one_changes(file),
        pytest.raises(SealError, match="Somebody else"),
        master_keys.only_one_changes(file),
    ):
        pass
    with master_keys.only_one_changes(file):
        pass


def test_the_environment_separates_keys_by_commas_too() -> None:
    keys = MasterKeys([KEY, sealing.new_key()])
    assert master_keys.read_environment(",".join(keys.text().splitlines())).ids == keys.ids


def test_a_program_gives_the_keys_without_a_shell() -> None:
    keys = MasterKeys([KEY])
    assert master_keys.read_command([sys.executable, "-c", f"print({keys.text()!r})"]).ids == keys.ids


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (["/nowhere/program"], "cannot be started"),
        ([], "cannot be started"),
        ([sys.executable, "-c", "print('secret words'); raise SystemExit(3)"], "exit code 3"),
        ([sys.executable, "-c", "print('secret words')"], "holds no master key"),
    ],
)
def test_a_program_that_gives_no_key_is_told_and_its_output_is_not(program: list[str], words: str) -> None:
    with pytest.raises(SealError, match=words) as caught:
        master_keys.read_command(program)
    assert "secret words" not in str(caught.value)
