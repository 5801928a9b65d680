"""The data sets that `fgait data` knows by name.

Names, partitions and places of files are those of the layout that gait research shares (FoundationGait, arXiv
2512.00691, and the publications of the data sets). No data are part of this project: users need an agreement with the
owners of each data set.
"""

from __future__ import annotations

from types import MappingProxyType

from fgait_core.data.public.description import ATTRIBUTES, NAME, PublicDataSet
from fgait_core.errors import ConfigError

_DEGREES = r"(?P<view_deg>[0-3]\d\d)"
_CASIA_B_VIEWS = "|".join(f"{degrees:03d}" for degrees in range(0, 181, 18))
_OU_MVLP_VIEWS = "|".join(f"{degrees:03d}" for degrees in (*range(0, 91, 15), *range(180, 271, 15)))
_CAMERA_AND_VIDEO = rf"{NAME}/camid(?P<camera>\d+)_videoid(?P<video>\d+)/seq\d+"
_CLASSES = {name: name for name in ("negative", "neutral", "positive")}

ALL = (
    PublicDataSet(
        name="casia-b",
        title="CASIA-B",
        example="001/nm-01/090",
        layout=rf"{NAME}/(?P<condition>nm|bg|cl)-(?P<take>\d\d)/(?P<view_deg>{_CASIA_B_VIEWS})",
        counts=((74, 50),),
        frame_rate_hz=25.0,
    ),
    PublicDataSet(
        name="casia-e",
        title="CASIA-E",
        example="0001/H-scene1-nm-1/090",
        layout=rf"{NAME}/(?P<camera>[HL])-(?P<scene>[^-/]+)-(?P<condition>[^-/]+)-(?P<take>[^-/]+)/{_DEGREES}",
        counts=((200, 814),),
    ),
    PublicDataSet(
        name="ou-mvlp",
        title="OU-MVLP",
        example="00001/00/030",
        layout=rf"{NAME}/(?P<take>0[01])/(?P<view_deg>{_OU_MVLP_VIEWS})",
        counts=((5153, 5154),),
        frame_rate_hz=25.0,
    ),
    PublicDataSet(
        name="grew",
        title="GREW",
        example="00001train/00/x",
        layout=rf"(\w+train/00|(?!probe/)\w+(?<!train)/0[12]|probe/03)/{NAME}",
        counts=((20000, 6001),),
        pretreatment="none",
    ),
    PublicDataSet(
        name="gait3d",
        title="Gait3D",
        example="0000/camid0_videoid2/seq0",
        layout=_CAMERA_AND_VIDEO,
        counts=((3000, 1000),),
        frame_rate_hz=25.0,
    ),
    PublicDataSet(
        name="ccpg",
        title="CCPG",
        example="000/U0_D0_BG/0_1",
        layout=rf"{NAME}/(?P<clothing>U\d_D\d)(?P<carrying>_BG)?/(?P<camera>\d+)_(?P<take>\d+)",
        meanings=MappingProxyType({"carrying": {"_bg": "bag", "": "none"}}),
        counts=((100, 100),),
        pretreatment="area",
    ),
    PublicDataSet(
        name="ccgr",
        title="CCGR",
        example="001/type/view",
        layout=rf"{NAME}/{NAME}/{NAME}",
        counts=((571, 400),),
        silhouettes=2,
    ),
    PublicDataSet(
        name="ccgr-mini",
        title="CCGR-MINI",
        example="001/type/view",
        layout=rf"{NAME}/{NAME}/{NAME}",
        counts=((571, 400),),
        silhouettes=2,
    ),
    PublicDataSet(
        name="sustech1k",
        title="SUSTech1K",
        example="0000/00-nm/000",
        layout=rf"{NAME}/(?P<take>\d\d)-(?P<condition>[a-z]{{2}}[^/]*)/{NAME}",
        counts=((250, 800),),
        silhouettes=6,
    ),
    PublicDataSet(
        name="scoliosis1k",
        title="Scoliosis1K",
        example="00000/positive/000",
        layout=rf"{NAME}/(?P<scoliosis>(?i:negative|neutral|positive))/{NAME}",
        meanings=MappingProxyType({"scoliosis": _CLASSES}),
        counts=((745, 748), (744, 749)),
    ),
    PublicDataSet(
        name="d-gait",
        title="D-Gait",
        example="D_001/type/view",
        layout=rf"(?P<depression>[DN])_{NAME}/{NAME}/{NAME}",
        meanings=MappingProxyType({"depression": {"d": "yes", "n": "no"}}),
        counts=((194, 98),),
    ),
    PublicDataSet(
        name="ra-gar",
        title="RA-GAR",
        example="0001/x_1_0_3/000",
        layout=rf"{NAME}/[^_/]+{ATTRIBUTES}/{NAME}",
        counts=((250, 283),),
    ),
    PublicDataSet(
        name="gaitlu-1m",
        title="GaitLU-1M",
        example="000/type/view",
        layout=rf"{NAME}/{NAME}/{NAME}",
        counts=((100, 0),),
        silhouettes=1,
        people=False,
    ),
    PublicDataSet(
        name="freegait",
        title="FreeGait",
        example="0001/type/view",
        layout=rf"{NAME}/{NAME}/{NAME}",
        counts=((500, 695),),
    ),
    PublicDataSet(
        name="hid",
        title="HID",
        example="0001/type/view",
        layout=rf"{NAME}/{NAME}/{NAME}",
        counts=((500, 506),),
    ),
    PublicDataSet(
        name="own",
        title="data of your own",
        example="person/type/view",
        layout=rf"{NAME}/{NAME}/{NAME}",
    ),
)
"""Every data set, in the order in which they are listed."""


def find_data_set(name: str) -> PublicDataSet:
    """The data set of a name; case and hyphens do not matter.

    Raises:
        ConfigError: if there is none.
    """
    for data_set in ALL:
        if _plain(data_set.name) == _plain(name):
            return data_set
    raise ConfigError(f"There is no data set {name!r}; known ones: {', '.join(each.name for each in ALL)}.")


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
