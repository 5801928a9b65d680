"""What a result says of files, people, checks, silhouettes and models: from the engine's values to those stored."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from io import BufferedReader
from typing import Any, cast

from fgait_core.model_package import ModelPackage
from fgait_core.screening_result import (
    AdaptationFacts,
    CheckFacts,
    ModelFacts,
    PersonFacts,
    RecordingFacts,
    SequenceFacts,
)
from fgait_core.silhouettes import PersonCandidate, QualityCheck, VideoInfo, Walk
from fgait_core.silhouettes.video_source import VideoSource, open_video


def recording_facts(source: VideoSource, file_name: str, video: VideoInfo | None) -> RecordingFacts:
    """The facts of a file; those of `video` are null where it could not be read."""
    known = {} if video is None else _fields_of(video, set(RecordingFacts.model_fields))
    with open_video(source) as file:
        sha256 = hashlib.file_digest(cast(BufferedReader, file), "sha256").hexdigest()
        size_bytes = file.tell()
    return RecordingFacts(file_name=file_name, sha256=sha256, size_bytes=size_bytes, **known)


def model_facts(package: ModelPackage) -> ModelFacts:
    """What a result says of the package that made it."""
    return ModelFacts(
        name=package.name,
        version=package.version,
        sha256=package.sha256,
        training_data=package.training_data,
        known_gaps=package.known_gaps,
        people=dict(package.people),
        adapted_on=_adaptation_facts(package),
    )


def _adaptation_facts(package: ModelPackage) -> AdaptationFacts | None:
    adaptation = package.content.adaptation
    if adaptation is None:
        return None
    return AdaptationFacts(**adaptation.model_dump(include=set(AdaptationFacts.model_fields)))


def _fields_of(source: Any, names: set[str]) -> dict:
    return {field.name: getattr(source, field.name) for field in fields(source) if field.name in names}


def person_facts(candidate: PersonCandidate) -> PersonFacts:
    """What a result says of somebody who was seen."""
    return PersonFacts(**_fields_of(candidate, set(PersonFacts.model_fields)))


def check_facts(check: QualityCheck) -> CheckFacts:
    """What a result says of a quality check."""
    return CheckFacts(**_fields_of(check, set(CheckFacts.model_fields)))


def sequence_facts(walk: Walk | None) -> SequenceFacts | None:
    """What a result says of the silhouettes; None without a walk."""
    if walk is None:
        return None
    sequence = walk.sequence
    return SequenceFacts(
        frames=len(sequence),
        frame_rate_hz=sequence.frame_rate_hz,
        first_s=float(sequence.timestamps_s[0]),
        last_s=float(sequence.timestamps_s[-1]),
    )
