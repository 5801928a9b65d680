"""Tasks that heads are trained for: classification, identification, attributes, regression."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from fgait_core.config.base import Config, Count, Name, Positive


class ClassificationTask(Config):
    """One of several classes for each sequence.

    Attributes:
        name: how results call it.
        column: column of the data with the class; by default the name. An empty cell is no label.
        classes: in the order of the logits.
        positive: the class that screening looks for; null where no class is special.
        weight: of its loss.
    """

    kind: Literal["classification"] = "classification"
    name: Name
    column: str | None = None
    classes: Annotated[tuple[str, ...], Field(min_length=2)]
    positive: str | None = None
    weight: Positive = 1.0

    @model_validator(mode="after")
    def _classes_fit(self) -> ClassificationTask:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("a class is named twice")
        if self.positive is not None and self.positive not in self.classes:
            raise ValueError(f"the positive class {self.positive!r} is none of {', '.join(self.classes)}")
        return self

    @property
    def data_column(self) -> str:
        """Column of the data with the class."""
        return self.column or self.name

    @property
    def positive_index(self) -> int | None:
        """Place of the positive class, where there is one."""
        return None if self.positive is None else self.classes.index(self.positive)


class IdentificationTask(Config):
    """Who walks: an embedding by triplets and a classifier of the training people.

    Attributes:
        name: how results call it.
        width: channels of the embedding; published 256.
        margin: of the triplet loss; published 0.2.
        weight: of its losses.
    """

    kind: Literal["identification"] = "identification"
    name: Name = "identification"
    width: Count = 256
    margin: Positive = 0.2
    weight: Positive = 1.0


class AttributesTask(Config):
    """Several attributes at once, each value of each a yes or no.

    Attributes:
        name: how results call it.
        attributes: for each column of the data its values, in the order of the logits. An empty cell is no label.
        weight: of its losses.
    """

    kind: Literal["attributes"] = "attributes"
    name: Name = "attributes"
    attributes: Annotated[dict[str, Annotated[tuple[str, ...], Field(min_length=2)]], Field(min_length=1)]
    weight: Positive = 1.0


class RegressionTask(Config):
    """Several numbers at once, such as angles that a simulator knows exactly.

    Attributes:
        name: how results call it.
        columns: columns of the data with the numbers, in the order of the outputs. An empty cell is no label.
        weight: of its loss.
    """

    kind: Literal["regression"] = "regression"
    name: Name = "regression"
    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    weight: Positive = 1.0

    @model_validator(mode="after")
    def _columns_differ(self) -> RegressionTask:
        if len(set(self.columns)) != len(self.columns):
            raise ValueError("a column is named twice")
        return self


SCREENING_TASKS: dict[str, dict[str, Any]] = {
    "scoliosis": {"name": "scoliosis", "classes": ("negative", "neutral", "positive"), "positive": "positive"},
    "depression": {"name": "depression", "classes": ("no", "yes"), "positive": "yes"},
}
"""The tasks that a configuration may call by name alone."""


def _named(value: Any) -> Any:
    """The name of a screening task stands for the whole task; `kind` may be left out for a classification."""
    if isinstance(value, str):
        if value not in SCREENING_TASKS:
            raise ValueError(f"there is no task {value!r}; known ones: {', '.join(SCREENING_TASKS)}, or describe it")
        return {"kind": "classification", **SCREENING_TASKS[value]}
    return {"kind": "classification", **value} if isinstance(value, dict) else value


TaskConfig = Annotated[
    Annotated[ClassificationTask | IdentificationTask | AttributesTask | RegressionTask, Field(discriminator="kind")],
    BeforeValidator(_named),
]
Tasks = Annotated[tuple[TaskConfig, ...], Field(min_length=1)]


def require_different_names(tasks: tuple[TaskConfig, ...]) -> None:
    """Refuses two tasks of the same name."""
    names = [task.name for task in tasks]
    if len(set(names)) != len(names):
        raise ValueError(f"two tasks have the same name: {', '.join(names)}")
