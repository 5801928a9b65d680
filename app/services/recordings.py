"""Recordings: receiving a video as a stream, the bundled sample, and the instant check of a file."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from app.services.access import patient_for, recording_for
from app.services.permissions import Actor, Permission, require
from app.services.reads import note_read
from app.settings import Settings
from clinic_data import audit, recordings
from clinic_data.database import Database
from clinic_data.errors import NotFoundError, SealError, ValidationError
from clinic_data.file_vault import FileKind, FileVault
from clinic_data.tables import Recording
from fgait_core.assets import fetch_asset
from fgait_core.errors import AssetError, VideoDecodeError
from fgait_core.silhouettes.video import VideoInfo, probe_video

_CHUNK_BYTES = 1 << 20
_DISK_CHECK_EVERY_BYTES = 64 << 20
SAMPLE_NAME = "sample_walk.mp4"


class UploadTooLargeError(ValidationError):
    """The video exceeds the limit of this installation."""


class DiskFullError(ValidationError):
    """The disk of the server has too little room for the video."""


@dataclass(frozen=True, slots=True)
class FileCheck:
    """What a look at the file alone says.

    Attributes:
        info: what the video is, or None if it cannot be read.
        problem: why it cannot be read and what to do; empty if it can.
    """

    info: VideoInfo | None
    problem: str


@dataclass(frozen=True, slots=True)
class Recordings:
    """Use cases around video files."""

    settings: Settings
    database: Database
    storage: FileVault

    def receive(
        self,
        actor: Actor | None,
        patient_id: str | None,
        original_name: str,
        chunks: Iterable[bytes],
        declared_bytes: int | None = None,
    ) -> Recording:
        """Stores a video that arrives in pieces; nothing is left behind if it breaks off.

        Args:
            actor: who uploads.
            patient_id: whose walk it shows; None puts it into the inbox of the clinic until somebody says so.
            original_name: the file's name on the user's device.
            chunks: the content; consumed once, never held as a whole.
            declared_bytes: the size that the browser announced, refused at once if it cannot fit.

        Raises:
            UploadTooLargeError: above the limit, by announcement or while it arrives.
            DiskFullError: if the disk has too little room.
            NotFoundError: if there is no such patient.
            ValidationError: for an empty file.
        """
        actor = require(actor, Permission.ADD_RECORDINGS)
        if patient_id is not None:
            with self.database.reading() as session:
                patient_for(session, actor, Permission.ADD_RECORDINGS, patient_id)
        self._check_size(declared_bytes or 0)
        self._check_disk(declared_bytes or 0)
        stored = self.storage.write_stream(self._limited(chunks), patient_id=patient_id, kind=FileKind.VIDEO)
        if stored.size_bytes == 0:
            self.storage.delete(stored.key)
            raise ValidationError("The file is empty. Please choose the video again.")
        with self.storage.removed_if_refused(stored.key), self.database.transaction() as session:
            if patient_id is not None:  # the video came for minutes; the patient may have gone to another team
                patient_for(session, actor, Permission.ADD_RECORDINGS, patient_id)
            recording = recordings.add_recording(
                session=session,
                patient_id=patient_id,
                original_name=original_name,
                stored=stored,
                uploaded_by=actor.user_id,
                site=self.settings.site,
            )
            audit.record(
                session=session,
                actor_id=actor.user_id,
                action="recording.added",
                subject_type="recording",
                subject_id=recording.id,
                details={"patient_id": patient_id, "size_bytes": stored.size_bytes, "sha256": stored.sha256},
            )
        return recording

    def _limited(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        total = 0
        checked = 0
        for chunk in chunks:
            total += len(chunk)
            self._check_size(total)
            if total - checked >= _DISK_CHECK_EVERY_BYTES:
                self._check_disk(0)
                checked = total
            yield chunk

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > self.settings.max_upload_bytes:
            raise UploadTooLargeError(
                f"The video is larger than {self.settings.max_upload_mb} MB, the limit of this installation. "
                "Film a shorter walk, or choose 1080p on the camera."
            )

    def _check_disk(self, coming_bytes: int) -> None:
        self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.settings.data_dir).free
        if free - coming_bytes < self.settings.min_free_disk_bytes:
            raise DiskFullError("The server has too little disk space for this video. Please tell your administrator.")

    def add_sample(self, actor: Actor | None, patient_id: str) -> Recording:
        """Adds the sample video that travels in a public package, as if it had been uploaded.

        Raises:
            ValidationError: if it is not on this computer and cannot be fetched; the text says what to do.
        """
        actor = require(actor, Permission.ADD_RECORDINGS)
        with self.database.reading() as session:
            patient_for(session, actor, Permission.ADD_RECORDINGS, patient_id)
        try:
            path = fetch_asset("sample_video")
        except AssetError as error:
            raise ValidationError(str(error)) from error
        return self.receive(actor, patient_id, SAMPLE_NAME, _file_chunks(path), path.stat().st_size)

    def get(self, actor: Actor | None, recording_id: str) -> Recording:
        """One recording.

        Raises:
            NotFoundError: if there is no such recording.
        """
        actor = require(actor, Permission.READ_PATIENTS)
        with self.database.reading() as session:
            recording = recording_for(session, actor, Permission.READ_PATIENTS, recording_id)
        note_read(self.database, actor, "recording.opened", "recording", recording_id)
        return recording

    def list_of_patient(self, actor: Actor | None, patient_id: str) -> tuple[Recording, ...]:
        """All recordings of a patient, newest first.

        Raises:
            NotFoundError: if there is no such patient.
        """
        actor = require(actor, Permission.READ_PATIENTS)
        with self.database.reading() as session:
            patient_for(session, actor, Permission.READ_PATIENTS, patient_id)
            found = tuple(recordings.list_recordings(session=session, patient_id=patient_id))
        note_read(self.database, actor, "patient.opened", "patient", patient_id)
        return found

    def check_file(self, actor: Actor | None, recording_id: str) -> FileCheck:
        """Looks at the file's headers, packets and first picture: fast, and before any person is searched."""
        recording = self.get(actor, recording_id)
        if recording.video_removed_at is not None:
            return FileCheck(None, recordings.VIDEO_REMOVED)
        try:
            return FileCheck(probe_video(self.storage.video(recording.storage_key, recording.original_name)), "")
        except (VideoDecodeError, NotFoundError, SealError) as error:
            return FileCheck(None, str(error))


def _file_chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
