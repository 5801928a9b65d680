"""Configuration of a study of retraining on simulated clinics."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from fgait_core.config.base import Config, Count, Name, NotNegative, Positive, Probability
from fgait_core.config.retraining import AcceptanceConfig, Scope


class EncoderStudyConfig(Config):
    """The scopes that train the encoder, which take too long for every clinic and size.

    Attributes:
        scopes: which of them.
        tasks: of the study's tasks.
        sizes: confirmed outcomes.
        clinics: the first so many clinics.
        replay: shards of simulated people, see `RetrainConfig`.
        replay_calibration: likewise.
        epochs: how often each development person is seen.
        minutes: of the clock for each run.
    """

    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)]
    tasks: Annotated[tuple[Name, ...], Field(min_length=1)]
    sizes: Annotated[tuple[Count, ...], Field(min_length=1)]
    clinics: Count = 1
    replay: Path
    replay_calibration: Path
    epochs: Positive = 10.0
    minutes: Positive = 30.0


class RetrainingStudyConfig(Config):
    """Every size of clinic with every scope, in several clinics.

    Attributes:
        base: folder of the model package to begin with.
        tasks: of the package; each is retrained on its own.
        scopes: what is changed; those that leave the encoder as it is.
        sizes: confirmed outcomes of a clinic; the smaller clinics are the beginnings of the larger ones.
        clinics: how many clinics, with seeds from 1 on.
        shuffled_sizes: sizes at which the same is done with shuffled outcomes.
        others: people of the same kind of clinic on whom the truth is measured.
        gate_share: of the people of a clinic.
        acceptance: of the protocol.
        prior_weight: see `RetrainConfig`.
        encoder: the scopes that train the encoder; None leaves them out.
    """

    kind: Literal["retraining_study"]
    base: Path
    tasks: Annotated[tuple[Name, ...], Field(min_length=1)]
    scopes: Annotated[tuple[Literal["recalibration", "head"], ...], Field(min_length=1)] = ("recalibration", "head")
    sizes: Annotated[tuple[Count, ...], Field(min_length=1)]
    clinics: Count = 10
    shuffled_sizes: tuple[Count, ...] = ()
    others: Annotated[int, Field(ge=100)] = 3000
    gate_share: Annotated[Probability, Field(gt=0, lt=1)] = 1 / 3
    acceptance: AcceptanceConfig = AcceptanceConfig()
    prior_weight: NotNegative = 20.0
    encoder: EncoderStudyConfig | None = None

    @model_validator(mode="after")
    def _fits(self) -> RetrainingStudyConfig:
        if extra := set(self.shuffled_sizes) - set(self.sizes):
            raise ValueError(f"shuffled_sizes has {min(extra)}, which is none of sizes")
        if self.encoder and (self.encoder.clinics > self.clinics or set(self.encoder.sizes) - set(self.sizes)):
            raise ValueError("encoder asks for clinics or sizes that the study does not have")
        return self
