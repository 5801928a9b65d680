"""Sentences that stored results carry in English, said in the reader's language.

A result is stored with its words, because whoever reads its JSON must understand it without this software. Here they
are recognised by their template, their figures are kept, and the catalogue's sentence takes their place. What nobody
translated, or what a model package of another maker says, stays as it is.
"""

from __future__ import annotations

import re
from functools import lru_cache

from reports import check_words
from reports.catalogues import read_catalogue
from reports.translation import FOLDER

MODEL_WORDS = (
    "Middle 95 % over bootstrap replicates of head and calibrator, each refitted on people drawn anew from the "
    "training and calibration splits, combined with random choices among the windows of this recording. It leaves out "
    "the training of the encoder, the making of the silhouettes, and what sets real people apart from simulated ones.",
    "The silhouettes of this recording are unlike those of the people whom the model learned from, so that no score of "
    "it can be trusted. Check that one whole person walks in full view, upright and from head to feet, and film again.",
    "Mean of the calibrated log odds of the recordings, each counting the same. The prediction set is that of the "
    "recording from the most suitable side, with the most probable class of all recordings added. Threshold, "
    "sensitivity, specificity and calibration were measured on single recordings.",
    "A band of the body is replaced by that of simulated walkers without a condition who look alike elsewhere; a part "
    "of the gait cycle by the frames next to it. The effect is how far the probability falls by that in the leading "
    "recording, mean over three slightly changed versions of it.",
    "co-ordinates in space (Zeni 2008)",
    "co-ordinates in the picture (Zeni 2008)",
    "foot velocity (O'Connor 2007)",
    "foot acceleration (Hreljac 2000)",
    "steps in the picture (after Zeni 2008)",
    "Simulated healthy walkers, widened by the error of measurement from this view",
    "simulated walkers: {people} people, {sequences} sequences, generator {generator}, seed {seed}",
    "Trained, calibrated and tested on simulated walkers only: no figure here says anything about patients.",
    "The silhouettes of a real camera and segmenter differ from simulated ones; calibration does not carry over.",
    "Scoliosis and depression are simulated as doses of effects from the literature, not measured on people.",
    "Groups, clothes, aids and gait disorders that the simulator does not know were never seen.",
)
"""What the bundled model says of itself and of a score."""

NORM_SOURCES = (
    "Motion capture of 10 healthy adults",
    "Wu 2013, of the children of Hausdorff 1999",
    "{study}, {n} adults",
    "{study}, {n} children",
)
"""Where norms were published, as far as it is not a name."""

TEMPLATES: tuple[str, ...] = (
    *check_words.LABELS,
    *check_words.VALUES,
    *check_words.THRESHOLDS,
    *check_words.ADVICE,
    *check_words.REFUSALS,
    *MODEL_WORDS,
    *check_words.SIMULATED_CLINIC,
    *NORM_SOURCES,
)
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def _pattern(template: str) -> re.Pattern[str]:
    parts = _PLACEHOLDER.split(template)
    return re.compile(
        "".join(f"(?P<{part}>.+?)" if place % 2 else re.escape(part) for place, part in enumerate(parts)), re.DOTALL
    )


def _literal_length(template: str) -> int:
    return len(_PLACEHOLDER.sub("", template))


_PATTERNS = tuple(
    (template, _pattern(template)) for template in sorted(TEMPLATES, key=_literal_length, reverse=True)
)  # the longest first: "at least {least} s" before "at least {least}"


@lru_cache(maxsize=2048)
def said_in(text: str, language: str) -> str:
    """A text of a stored result in a language; as it is where nothing like it is known.

    What stands in a placeholder is looked up, too: a sentence may hold another.
    """
    catalogue = read_catalogue(FOLDER, language)
    if not catalogue or not text:
        return text
    for template, pattern in _PATTERNS:
        found = pattern.fullmatch(text)
        if found and template in catalogue:
            values = {name: said_in(value, language) for name, value in found.groupdict().items()}
            return catalogue[template].format(**values)
    return text
