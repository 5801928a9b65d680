"""Retrieval protocols of the public gait data sets: who looks for whom, what does not count, how cells are averaged.

Source: FoundationGait, evaluation, and the protocols that the data sets publish.

Deviations: figures are exact unless `rounded_cells`; the published tables round each cell to two decimals and then
average the cells, which is the default so that tables can be compared. A cell without data is left out of the mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fgait_core.errors import ConfigError
from fgait_core.evaluation.retrieval import Missing


@dataclass(frozen=True, slots=True)
class Condition:
    """One line of a protocol's table.

    Attributes:
        name: as tables call it.
        probe: regular expression that the whole type of a probe fits.
        gallery: the same for the gallery.
    """

    name: str
    probe: str = ".*"
    gallery: str = ".*"


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a data set is measured.

    Attributes:
        name: on the command line.
        title: of its tables.
        layout: "view_pairs" measures each pair of probe view and gallery view by itself; "probe_views" each probe view
            against the gallery of all views; "whole" all probes at once.
        conditions: measured one after the other.
        split: who is probe and who is gallery: by the types of the conditions, by a list of probes (the rest is the
            gallery), by a list of the gallery (the rest are probes), or everybody both.
        ranks: reported.
        missing: what becomes of a probe without a right entry.
        same: what of the probe's own person does not count: nothing, what has the same view (or camera), or only the
            probe itself.
        camera: the view is "camera_number", and only the camera counts.
        left_out_views: not measured.
        averages: which are reported beside the ranks.
        rounded: whether the published figures round each cell.
    """

    name: str
    title: str
    layout: Literal["view_pairs", "probe_views", "whole"]
    conditions: tuple[Condition, ...] = (Condition(""),)
    split: Literal["types", "probe_set", "gallery_set", "all"] = "types"
    ranks: tuple[int, ...] = (1,)
    missing: Missing = "wrong"
    same: Literal["none", "view", "itself"] = "none"
    camera: bool = False
    left_out_views: tuple[str, ...] = ()
    averages: tuple[Literal["mAP", "mINP"], ...] = ()
    rounded: bool = True


def _casia_e(kind: str) -> str:
    return rf"[HL]-(scene)?(2|3|3_s)-{kind}-\d+"


_CASIA_B_GALLERY = r"nm-0[1-4]"
_CASIA_B_MIXED = r"(nm|bg|cl)-02"
_CASIA_E_GALLERY = r"[HL]-(scene)?1-nm-\d+"
_CCPG = (
    Condition("CL", "U0_D0|U0_D0_BG", "U1_D1|U2_D2|U3_D3"),
    Condition("UP", "U3_D3", "U0_D3"),
    Condition("DN", "U1_D0", "U1_D1"),
    Condition("BG", "U0_D0_BG", "U0_D0"),
)
_SUSTECH1K = (
    ("Normal", "01-nm"),
    ("Bag", "bg"),
    ("Clothing", "cl"),
    ("Carrying", "cr"),
    ("Umbrella", "ub"),
    ("Uniform", "uf"),
    ("Occlusion", "oc"),
    ("Night", "nt"),
    ("Overall", "0[1-4]"),
)
_WHOLE = {"ranks": (1, 5, 10), "missing": "skip", "averages": ("mAP", "mINP"), "rounded": False}

PROTOCOLS: dict[str, Protocol] = {
    each.name: each
    for each in (
        Protocol(
            "casiab",
            "CASIA-B",
            "view_pairs",
            (
                Condition("NM", r"nm-0[56]", _CASIA_B_GALLERY),
                Condition("BG", r"bg-0[12]", _CASIA_B_GALLERY),
                Condition("CL", r"cl-0[12]", _CASIA_B_GALLERY),
            ),
        ),
        Protocol("oumvlp", "OU-MVLP", "view_pairs", (Condition("NM", "00", "01"),)),
        Protocol(
            "casiae",
            "CASIA-E",
            "view_pairs",
            tuple(Condition(kind.upper(), _casia_e(kind), _CASIA_E_GALLERY) for kind in ("nm", "bg", "cl")),
            left_out_views=("270",),
        ),
        Protocol(
            "sustech1k",
            "SUSTech1K",
            "view_pairs",
            tuple(Condition(name, f".*{part}.*", "00-nm") for name, part in _SUSTECH1K),
            ranks=(1, 5),
        ),
        Protocol(
            "casiab_crossview",
            "CASIA-B, gallery of all views",
            "probe_views",
            tuple(Condition(kind.upper(), f"{kind}-01", _CASIA_B_MIXED) for kind in ("nm", "bg", "cl")),
            same="view",
            missing="skip",
            averages=("mAP",),
        ),
        Protocol(
            "oumvlp_crossview",
            "OU-MVLP, gallery of all views",
            "probe_views",
            (Condition("NM", "00", "01"),),
            same="view",
            missing="skip",
            averages=("mAP",),
        ),
        Protocol("gait3d", "Gait3D", "whole", split="probe_set", **_WHOLE),
        Protocol("freegait", "FreeGait", "whole", split="probe_set", **_WHOLE),
        Protocol("ccgr", "CCGR", "whole", split="gallery_set", **_WHOLE),
        Protocol("ccgr_mini", "CCGR-MINI", "whole", split="gallery_set", **_WHOLE),
        Protocol("ccpg", "CCPG, pairs of cameras", "view_pairs", _CCPG, camera=True),
        Protocol(
            "ccpg_reid",
            "CCPG, re-identification",
            "whole",
            _CCPG,
            same="view",
            camera=True,
            missing="skip",
            averages=("mAP", "mINP"),
            rounded=False,
        ),
        Protocol("grew", "GREW", "whole", (Condition("", "02", "01"),), ranks=(1, 5, 10, 20)),
        Protocol(
            "simgait",
            "SimGait (simulated)",
            "view_pairs",
            (
                Condition("NM", "nm-02", "nm-01"),
                Condition("BG", "bg-01", "nm-01"),
                Condition("CL", "cl-01", "nm-01"),
            ),
            rounded=False,
        ),
        Protocol("any", "Leave one out", "whole", split="all", same="itself", **_WHOLE),
    )
}


def find_protocol(name: str) -> Protocol:
    """The protocol of a name.

    Raises:
        ConfigError: if there is none; the text names those there are.
    """
    if name not in PROTOCOLS:
        raise ConfigError(f"There is no protocol {name!r}; known ones: {', '.join(PROTOCOLS)}.")
    return PROTOCOLS[name]
