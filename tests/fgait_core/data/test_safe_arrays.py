"""Arrays are read from strangers' files, and nothing in these files runs."""

import contextlib
import io
import os
import pickle as standard
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fgait_core.data.safe_arrays import read_array
from fgait_core.errors import ConfigError

PROTOCOLS = range(standard.HIGHEST_PROTOCOL + 1)
NUMBERS = st.sampled_from(["b1", "u1", "i2", "<i8", ">u4", "f2", "<f4", ">f8"])


def write(folder, content: bytes, name="x.pkl"):
    (folder / name).write_bytes(content)
    return folder / name


class Runs:
    """Whatever a pickle wants called."""

    def __init__(self, call, *arguments):
        self.how = (call, arguments)

    def __reduce__(self):
        return self.how


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("arrays")


@given(
    NUMBERS.flatmap(lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0, max_dims=4, min_side=0))),
    st.sampled_from(PROTOCOLS),
    st.booleans(),
)
def test_any_array_of_numbers_comes_back_as_it_was(folder, array, protocol, turned):
    array = array.T if turned else array
    read = read_array(write(folder, standard.dumps(array, protocol)))
    np.testing.assert_array_equal(read, array)
    assert read.dtype == array.dtype
    assert read.flags.writeable


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_names_of_the_older_numpy_are_known(tmp_path, protocol):
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    content = standard.dumps(array, protocol)
    old = content.replace(b"\x16numpy._core.multiarray", b"\x15numpy.core.multiarray")
    old = old.replace(b"\x13numpy._core.numeric", b"\x12numpy.core.numeric")
    old = old.replace(b"cnumpy._core.multiarray", b"cnumpy.core.multiarray")
    if protocol >= 4:
        # The frame is two bytes of name shorter, as each name it holds has lost one letter.
        start = content.index(b"\x95") + 1
        (length,) = struct.unpack("<Q", content[start : start + 8])
        old = old[:start] + struct.pack("<Q", length - (len(content) - len(old))) + old[start + 8 :]
    assert old != content
    np.testing.assert_array_equal(read_array(write(tmp_path, old)), array)


def test_a_pickle_of_python_2_is_read(tmp_path):
    content = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x01K\x02\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U\x02\xff\x07tb."
    )
    np.testing.assert_array_equal(read_array(write(tmp_path, content)), [[255, 7]])


def test_lists_of_arrays_are_stacked(tmp_path):
    frames = [np.full((3, 2), number, np.uint8) for number in range(4)]
    np.testing.assert_array_equal(read_array(write(tmp_path, standard.dumps(frames))), np.stack(frames))
    with pytest.raises(ConfigError, match="different shapes"):
        read_array(write(tmp_path, standard.dumps([*frames, np.zeros((2, 2), np.uint8)])))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("call", "arguments", "named"),
    [
        (os.system, ("touch {}",), r"(posix|nt)\.system"),
        (eval, ("open({!r}, 'w')",), r"(builtins|__builtin__)\.eval"),
        (exec, ("open({!r}, 'w')",), r"(builtins|__builtin__)\.exec"),
        (np.load, ("{}",), "load"),
    ],
)
def test_nothing_foreign_runs(tmp_path, protocol, call, arguments, named):
    trace = tmp_path / "trace"
    filled = tuple(each.format(str(trace)) if isinstance(each, str) else each for each in arguments)
    content = standard.dumps(Runs(call, *filled), protocol)
    with pytest.raises(ConfigError, match=named):
        read_array(write(tmp_path, content))
    assert not trace.exists()


def test_a_call_hidden_among_arrays_does_not_run(tmp_path):
    trace = tmp_path / "trace"
    for hidden in (
        [np.zeros(3), Runs(os.system, f"touch {trace}")],
        np.array([Runs(os.system, f"touch {trace}")], object),
        np.array([(1, Runs(os.system, f"touch {trace}"))], [("a", "i4"), ("b", "O")]),
        {"frames": Runs(os.system, f"touch {trace}")},
    ):
        with pytest.raises(ConfigError):
            read_array(write(tmp_path, standard.dumps(hidden)))
    assert not trace.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x04]\x94.",
        standard.dumps(None),
        standard.dumps("frames"),
        standard.dumps([1, 2]),
        standard.dumps(np.array(["a", "b"])),
        standard.dumps(np.array([None, 1], object)),
        standard.dumps(np.array([1 + 2j])),
        standard.dumps(np.array(["2026-01-01"], "datetime64[D]")),
        standard.dumps(np.zeros(3, [("a", "u1")])),
        b"",
        b"\x80",
        b"not a pickle at all",
        b"\x80\x02Pname\n.",
        b"\x80\x02K\x01Q.",
        b"\x80\x02\x82\x01.",
        b"\x80\x02(cposix\nsystem\no.",
        b"(S'id'\nios\nsystem\n.",
        b"\x80\x05\x8e" + struct.pack("<Q", 2**60) + b"x.",
        b"\x80\x02cnumpy\nndarray\nK\x05\x85R.",
    ],
)
def test_whatever_is_no_array_is_refused(tmp_path, content):
    with pytest.raises(ConfigError):
        read_array(write(tmp_path, content))


@pytest.mark.parametrize("declared", [(2**40,), (2**31, 2**31), (-1,), (3, 2)])
def test_a_shape_that_the_bytes_do_not_fill_is_refused(tmp_path, declared):
    array = np.arange(5, dtype=np.uint8)
    made = array.__reduce__()
    state = (made[2][0], declared, *made[2][2:])
    real = standard.dumps(array, 2)
    assert read_array(write(tmp_path, real)).shape == (5,)
    stream = io.BytesIO()
    pickler = standard._Pickler(stream, 2)
    pickler.write(standard.PROTO + b"\x02")
    pickler.save(made[0])
    pickler.save(made[1])
    pickler.write(standard.REDUCE)
    pickler.save(state)
    pickler.write(standard.BUILD + standard.STOP)
    with pytest.raises(ConfigError, match="shape"):
        read_array(write(tmp_path, stream.getvalue()))


def test_one_array_listed_often_does_not_fill_the_memory(tmp_path):
    frame = np.zeros(1000, np.uint8)
    with pytest.raises(ConfigError, match="more than"):
        read_array(write(tmp_path, standard.dumps([frame] * 1000)), max_bytes=100_000)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (standard.dumps({}), "EMPTY_DICT"),
        (b"(cposix\nsystem\no.", "OBJ"),
        (b"(S'id'\niposix\nsystem\n.", "INST posix system"),
        (b"Pname\n.", "PERSID name"),
        (b"\x80\x02\x82\x01.", "EXT1"),
    ],
)
def test_an_instruction_that_no_array_needs_is_named(tmp_path, content, named):
    with pytest.raises(ConfigError, match=f"pickle instruction {named}"):
        read_array(write(tmp_path, content))


def test_a_memo_without_end_is_refused_before_it_is_made(tmp_path):
    with pytest.raises(ConfigError, match="more memory"):
        read_array(write(tmp_path, b"\x80\x02K\x01r\xff\xff\xff\x7f."))


def test_one_text_encoded_often_does_not_fill_the_memory(tmp_path):
    encode = b"c_codecs\nencode\nh\x00X\x06\x00\x00\x00latin1\x86R"
    text = b"x" * 5000
    content = b"\x80\x02X" + struct.pack("<I", len(text)) + text + b"q\x00" + encode * 4 + b"."
    with pytest.raises(ConfigError, match="encodes"):
        read_array(write(tmp_path, content))


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_damaged_file_gives_a_config_error_or_an_array(folder, place, byte):
    content = bytearray(standard.dumps(np.arange(40, dtype=np.int16).reshape(5, 8), 4))
    content[place % len(content)] = byte
    with contextlib.suppress(ConfigError):
        assert isinstance(read_array(write(folder, bytes(content))), np.ndarray)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path, protocol):
    content = standard.dumps(np.arange(8, dtype=np.uint8), protocol)
    for end in range(len(content)):
        with pytest.raises(ConfigError):
            read_array(write(tmp_path, content[:end]))


def npy_of(array) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def test_npy_and_npz_are_read(tmp_path):
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    for held in (array, array.T):
        np.testing.assert_array_equal(read_array(write(tmp_path, npy_of(held), "x.npy")), held)
        np.savez_compressed(tmp_path / "x.npz", held)
        np.testing.assert_array_equal(read_array(tmp_path / "x.npz"), held)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_npy_is_read(tmp_path, version):
    stream, array = io.BytesIO(), np.arange(5, dtype=">i4")
    np.lib.format.write_array(stream, array, version=version)
    np.testing.assert_array_equal(read_array(write(tmp_path, stream.getvalue(), "x.npy")), array)


@given(st.integers(0, 200), st.binary(max_size=3), st.sampled_from(["x.npy", "x.npz"]))
def test_a_damaged_npy_or_npz_gives_a_config_error_or_an_array(folder, place, put, name):
    stream = io.BytesIO()
    (np.save if name == "x.npy" else np.savez)(stream, np.arange(40, dtype=np.int16).reshape(5, 8))
    content = stream.getvalue()
    with contextlib.suppress(ConfigError):
        assert isinstance(read_array(write(folder, content[:place] + put + content[place + 1 :], name)), np.ndarray)


def test_npy_and_npz_that_hold_objects_or_lies_are_refused(tmp_path):
    np.save(tmp_path / "objects.npy", np.array([Runs(os.getpid)], object))
    np.savez(tmp_path / "two.npz", a=np.zeros(2), b=np.zeros(2))
    honest = npy_of(np.zeros((3,), np.uint8))
    write(tmp_path, honest.replace(b"(3,)", b"(9,)"), "huge.npy")
    write(tmp_path, honest[:-1], "short.npy")
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", npy_of(np.zeros(10_000_000, np.uint8)))
    for name in ("objects.npy", "two.npz", "huge.npy", "short.npy"):
        with pytest.raises(ConfigError):
            read_array(tmp_path / name)
    with pytest.raises(ConfigError, match="unpacks to more"):
        read_array(tmp_path / "bomb.npz", max_bytes=1_000_000)


def test_a_large_or_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="at most 10"):
        read_array(write(tmp_path, standard.dumps(np.zeros(100))), max_bytes=10)
    with pytest.raises(ConfigError, match=r"missing\.pkl"):
        read_array(tmp_path / "missing.pkl")
