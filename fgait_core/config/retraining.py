"""Configurations of retraining: the protocol, which is fixed before the run, and the run itself."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from fgait_core.config.base import Config, Count, Device, Name, NotNegative, Positive, Probability

Scope = Literal["recalibration", "head", "head_and_last_stage", "whole_network"]
SCOPES: tuple[Scope, ...] = ("recalibration", "head", "head_and_last_stage", "whole_network")


class BudgetConfig(Config):
    """What a run may cost at the most.

    Attributes:
        minutes: of the clock; a run that needs longer is stopped and has failed.
        epochs: how often each development person is seen in training steps; for scopes that train by steps.
        device: where to compute.
        processes: of `torchrun`, one GPU each; 1 runs without it.
    """

    minutes: Positive = 60.0
    epochs: Positive = 20.0
    device: Device = "auto"
    processes: Count = 1


class AcceptanceConfig(Config):
    """What a candidate must do on the locked gate people to be promotable. Differences are candidate - production.

    Attributes:
        min_positive: people of the gate with the condition; below it nothing can be promoted.
        min_negative: people of the gate without it, likewise.
        auroc_margin: the 95 % interval of the difference in AUROC must lie above minus this.
        sensitivity_margin: likewise of the sensitivity, each version at its own threshold; or the interval of the
            candidate's own must lie above the protocol's `wanted_sensitivity` less this.
        specificity_margin: likewise of the specificity, which may fall further by what the sensitivity rises.
        brier_margin: the 95 % interval of the difference in the Brier score must lie below this.
        better_than_chance: the 99 % interval of the candidate's AUROC must lie above 0.5.
        slope: the 95 % interval of the calibration slope must touch this range.
        max_excess_ece: the expected calibration error less what a perfectly calibrated model of as many people has.
        subgroup_floor: AUROC in each subgroup, of sex, age, view, device and site, at the least.
        subgroup_min: people of each kind for a subgroup to count.
    """

    min_positive: Count = 10
    min_negative: Count = 10
    auroc_margin: Probability = 0.05
    sensitivity_margin: Probability = 0.15
    specificity_margin: Probability = 0.15
    brier_margin: Probability = 0.02
    better_than_chance: bool = True
    slope: tuple[float, float] = (0.7, 1.4)
    max_excess_ece: Probability = 0.08
    subgroup_floor: Probability = 0.5
    subgroup_min: Count = 10


class RetrainingProtocol(Config):
    """What may change, at what cost, and what must come of it; written before the run and stored with it.

    Attributes:
        task: which task the outcomes are of.
        scope: "recalibration" changes calibrators, conformal thresholds and the operating point only; "head" also the
            task's head; "head_and_last_stage" also the encoder's last stage and the projector; "whole_network"
            everything.
        replay: share of simulated people in each training batch; for scopes that change the encoder, so that it
            does not forget.
        wanted_sensitivity: at which the threshold is put on the development people.
        coverage: what the conformal sets shall promise.
        budget: time, epochs, device.
        acceptance: of the candidate.
        seed: of every draw.
    """

    task: Name
    scope: Scope = "head"
    replay: Annotated[float, Field(ge=0, lt=1)] = 0.5
    wanted_sensitivity: Annotated[float, Field(gt=0, lt=1)] = 0.8
    coverage: Annotated[float, Field(gt=0.5, lt=1)] = 0.9
    budget: BudgetConfig = BudgetConfig()
    acceptance: AcceptanceConfig = AcceptanceConfig()
    seed: Annotated[int, Field(ge=0)] = 1

    @property
    def changes_encoder(self) -> bool:
        """Whether the network in front of the heads is trained."""
        return self.scope in ("head_and_last_stage", "whole_network")

    @property
    def sha256(self) -> str:
        """Its identity: SHA-256 of its canonical JSON (every value written out, keys sorted, no spaces)."""
        plain = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(plain.encode()).hexdigest()


class RetrainConfig(Config):
    """One run of `fgait retrain`.

    Attributes:
        kind: always "retrain".
        base: folder of the model package to begin with.
        development: folder of shards with the development people; column of the task's name holds the outcome.
        replay: folder of shards of simulated people with all labels, and one of others for calibration; needed where
            the protocol changes the encoder.
        replay_calibration: see `replay`.
        name: of the new package.
        version: of the new package.
        prior_weight: how strongly heads and calibrators are held to those of the base, in people.
        protocol: what may change.
    """

    kind: Literal["retrain"]
    base: Path
    development: Path
    replay: Path | None = None
    replay_calibration: Path | None = None
    name: str
    version: str
    prior_weight: NotNegative = 20.0
    protocol: RetrainingProtocol

    @model_validator(mode="after")
    def _has_replay(self) -> RetrainConfig:
        if self.protocol.changes_encoder and (self.replay is None or self.replay_calibration is None):
            raise ValueError(f"the scope {self.protocol.scope} needs replay and replay_calibration")
        return self
