"""The tasks of the heads and the order of their classes."""

from __future__ import annotations

from dataclasses import dataclass

from fgait_core.errors import ConfigError

UNKNOWN = -1
"""Label of a person who has none for a task."""


@dataclass(frozen=True, slots=True)
class TaskLabels:
    """A task of screening.

    Attributes:
        name: as data, packages and results call it.
        class_order: classes in the order of the logits.
        positive_class: the class that screening looks for.
    """

    name: str
    class_order: tuple[str, ...]
    positive_class: str

    @property
    def positive_index(self) -> int:
        """Place of the positive class in the class order."""
        return self.class_order.index(self.positive_class)

    def label(self, text: str) -> int:
        """Number of a class; an empty text is `UNKNOWN`.

        Raises:
            ConfigError: if there is no such class.
        """
        if text == "":
            return UNKNOWN
        if text not in self.class_order:
            raise ConfigError(f"{text!r} is no class of {self.name}; known ones: {', '.join(self.class_order)}.")
        return self.class_order.index(text)


TASKS = {
    task.name: task
    for task in (
        TaskLabels("scoliosis", ("negative", "neutral", "positive"), "positive"),
        TaskLabels("depression", ("no", "yes"), "yes"),
    )
}
