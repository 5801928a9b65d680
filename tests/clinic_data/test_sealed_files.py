"""Sealed files: what comes out is what went in, or an error; never anything else."""

from __future__ import annotations

import io
import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinic_data import sealed_files
from clinic_data.errors import SealError, StorageError
from clinic_data.sealed_files import (
    CHUNK_BYTES,
    MAGIC,
    TAG_BYTES,
    SealedWriter,
    is_sealed,
    open_sealed,
    plain_size,
    sealed_size,
)

KEY = bytes(range(32))
NAME = "0123456789abcdef0123456789abcdef"
SMALL_CHUNK = 64
"""The format with small chunks: many of them fit into one example."""


def seal(plain: bytes, key: bytes = KEY, name: str = NAME, step: int = 1000) -> bytes:
    out = io.BytesIO()
    writer = SealedWriter(out.write, key, name)
    for start in range(0, len(plain), step):
        writer.write(plain[start : start + step])
    writer.finish()
    return out.getvalue()


def opened(sealed: bytes, key: bytes = KEY, name: str = NAME) -> bytes:
    with open_sealed(io.BytesIO(sealed), key, name) as file:
        return file.read()


def refuses(sealed: bytes, key: bytes = KEY, name: str = NAME) -> None:
    """Reading to the end never succeeds, and says so by a SealError."""
    with pytest.raises(SealError, match="damaged or was exchanged"):
        opened(sealed, key, name)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sealed_files, "CHUNK_BYTES", SMALL_CHUNK)
    monkeypatch.setattr(sealed_files, "_SEALED_CHUNK_BYTES", SMALL_CHUNK + TAG_BYTES)
    return SMALL_CHUNK


@pytest.fixture(scope="module")
def small():
    """The same for hypothesis, which wants one fixture for all examples."""
    patch = pytest.MonkeyPatch()
    patch.setattr(sealed_files, "CHUNK_BYTES", SMALL_CHUNK)
    patch.setattr(sealed_files, "_SEALED_CHUNK_BYTES", SMALL_CHUNK + TAG_BYTES)
    yield
    patch.undo()


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 1_000_003])
@pytest.mark.parametrize("step", [65_537, 1 << 21])
def test_every_size_comes_back(size: int, step: int) -> None:
    plain = random.Random(size).randbytes(size)
    sealed = seal(plain, step=step)
    assert opened(sealed) == plain
    assert (len(sealed), plain_size(len(sealed))) == (sealed_size(size), size)


def test_nothing_of_the_content_is_legible() -> None:
    plain = b"Example, Ana; 2011-04-23. " * 20_000
    sealed = seal(plain)
    assert b"Example" not in sealed
    assert len(set(sealed[len(MAGIC) :])) == 256


def test_the_same_content_under_two_keys_is_not_the_same() -> None:
    first, second = seal(b"walk" * 99, os.urandom(32)), seal(b"walk" * 99, os.urandom(32))
    assert first[len(MAGIC) :] != second[len(MAGIC) :]


@given(plain=st.binary(max_size=400), reads=st.lists(st.tuples(st.integers(0, 450), st.integers(0, 200)), max_size=20))
@settings(max_examples=300, deadline=None)
def test_reading_anywhere_gives_the_plain_bytes(small: None, plain: bytes, reads: list[tuple[int, int]]) -> None:
    with open_sealed(io.BytesIO(seal(plain)), KEY, NAME) as file:
        for start, size in reads:
            assert file.seek(start) == start
            assert file.read(size) == plain[start : start + size]
            assert file.tell() == start + len(plain[start : start + size])


@given(plain=st.binary(max_size=300), offset=st.integers(-400, 400), whence=st.sampled_from([0, 1, 2]))
@settings(max_examples=200, deadline=None)
def test_places_are_counted_as_in_a_plain_file(small: None, plain: bytes, offset: int, whence: int) -> None:
    reference = io.BytesIO(plain)
    with open_sealed(io.BytesIO(seal(plain)), KEY, NAME) as file:
        for each in (reference, file):
            each.seek(len(plain) // 2)
        try:
            reference.seek({0: 0, 1: len(plain) // 2, 2: len(plain)}[whence] + offset)
            beyond = False
        except ValueError:
            beyond = True
        if beyond:
            with pytest.raises((ValueError, OSError)):
                file.seek(offset, whence)
        else:
            assert file.seek(offset, whence) == reference.tell()
            assert file.read() == reference.read()


@given(plain=st.binary(max_size=400), data=st.data())
@settings(max_examples=300, deadline=None)
def test_a_cut_file_does_not_open(small: None, plain: bytes, data: st.DataObject) -> None:
    sealed = seal(plain)
    refuses(sealed[: data.draw(st.integers(0, len(sealed) - 1))])


@given(plain=st.binary(max_size=400), data=st.data())
@settings(max_examples=300, deadline=None)
def test_a_changed_bit_is_found(small: None, plain: bytes, data: st.DataObject) -> None:
    sealed = bytearray(seal(plain))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= 1 << data.draw(st.integers(0, 7))
    refuses(bytes(sealed))


@given(plain=st.binary(max_size=300), more=st.binary(min_size=1, max_size=200))
@settings(max_examples=200, deadline=None)
def test_a_lengthened_file_does_not_open(small: None, plain: bytes, more: bytes) -> None:
    refuses(seal(plain) + more)


@given(seed=st.integers(0, 10**6), chunks=st.integers(2, 8), data=st.data())
@settings(max_examples=200, deadline=None)
def test_chunks_in_another_order_are_found(small: None, seed: int, chunks: int, data: st.DataObject) -> None:
    sealed = seal(random.Random(seed).randbytes(chunks * SMALL_CHUNK))
    size = SMALL_CHUNK + TAG_BYTES
    parts = [sealed[len(MAGIC) + size * number :][:size] for number in range(chunks)]
    other = data.draw(st.permutations(range(chunks)).filter(lambda order: list(order) != list(range(chunks))))
    refuses(MAGIC + b"".join(parts[number] for number in other))


@given(seed=st.integers(0, 10**6), chunks=st.integers(2, 6), data=st.data())
@settings(max_examples=200, deadline=None)
def test_a_lost_or_repeated_chunk_is_found(small: None, seed: int, chunks: int, data: st.DataObject) -> None:
    sealed = seal(random.Random(seed).randbytes(chunks * SMALL_CHUNK - 1))
    size = SMALL_CHUNK + TAG_BYTES
    start = len(MAGIC) + size * data.draw(st.integers(0, chunks - 1))
    refuses(sealed[:start] + sealed[start + size :])
    refuses(sealed[:start] + sealed[start : start + size] + sealed[start:])


@given(plain=st.binary(max_size=300), other=st.binary(max_size=300), data=st.data())
@settings(max_examples=200, deadline=None)
def test_parts_of_another_file_are_found(small: None, plain: bytes, other: bytes, data: st.DataObject) -> None:
    """Another file of the same key cannot exist, but another name must be enough, also for a part."""
    first, second = seal(plain), seal(other, name="f" * 32)
    refuses(second)
    size = SMALL_CHUNK + TAG_BYTES
    place = len(MAGIC) + size * data.draw(
        st.integers(0, max(0, (min(len(first), len(second)) - len(MAGIC)) // size - 1))
    )
    refuses(first[:place] + second[place : place + size] + first[place + size :])


def test_another_key_or_name_does_not_open() -> None:
    sealed = seal(b"walk" * 1000)
    refuses(sealed, key=bytes(32))
    refuses(sealed, name="f" * 32)


@pytest.mark.parametrize("content", [b"", b"FGAIT", MAGIC, MAGIC + bytes(15), b"\x00\x00\x00\x18ftypmp42" + bytes(500)])
def test_what_is_no_sealed_file_does_not_open(content: bytes) -> None:
    refuses(content)


@given(content=st.binary(max_size=600), with_magic=st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_bytes_give_a_seal_error_and_nothing_else(small: None, content: bytes, with_magic: bool) -> None:
    refuses(MAGIC + content if with_magic else content)


def test_a_file_without_its_end_is_refused_before_anything_is_read(small_chunks: int) -> None:
    """Not only where the end is reached: a cut film must not play its beginning."""
    sealed = seal(bytes(10 * small_chunks))
    with pytest.raises(SealError):
        open_sealed(io.BytesIO(sealed[: len(MAGIC) + 5 * (small_chunks + TAG_BYTES)]), KEY, NAME)


def test_a_writer_that_was_not_finished_leaves_nothing_that_opens() -> None:
    out = io.BytesIO()
    writer = SealedWriter(out.write, KEY, NAME)
    writer.write(bytes(3 * CHUNK_BYTES + 5))
    refuses(out.getvalue())


def test_an_earlier_place_is_read_again_after_damage_elsewhere(small_chunks: int) -> None:
    sealed = bytearray(seal(bytes(range(256)) * 4))
    sealed[len(MAGIC) + 3 * (small_chunks + TAG_BYTES) + 7] ^= 1
    with open_sealed(io.BytesIO(sealed), KEY, NAME) as file:
        assert file.read(10) == bytes(range(10))
        file.seek(3 * small_chunks)
        with pytest.raises(SealError):
            file.read(1)
        file.seek(5)
        assert file.read(3) == bytes((5, 6, 7))


def test_a_disk_that_fails_is_a_storage_error() -> None:
    class Failing(io.BytesIO):
        broken = False

        def read(self, size: int | None = -1, /) -> bytes:
            if self.broken:
                raise OSError(5, "Input/output error")
            return super().read(size)

    disk = Failing(seal(bytes(2 * CHUNK_BYTES)))
    file = open_sealed(disk, KEY, NAME)
    disk.broken = True
    with pytest.raises(StorageError, match="could not be read from the disk"):
        file.read(10)


def test_what_is_sealed_is_told_from_what_is_not() -> None:
    sealed = io.BytesIO(seal(b"walk"))
    assert is_sealed(sealed)
    assert sealed.tell() == 0
    assert not is_sealed(io.BytesIO(b"walk"))


def test_closing_closes_the_sealed_file_too() -> None:
    sealed = io.BytesIO(seal(b"walk"))
    open_sealed(sealed, KEY, NAME).close()
    assert sealed.closed
