"""From a walking video to aligned silhouettes of the chosen person, and whether they can be scored."""

from fgait_core.silhouettes.blazepose import BlazePoseSegmenter, load_segmenter
from fgait_core.silhouettes.footsteps import Manner, manner_of
from fgait_core.silhouettes.people import PersonCandidate, find_people
from fgait_core.silhouettes.pictures import silhouette_strip, write_contact_sheet, write_overlay_clip
from fgait_core.silhouettes.quality import QualityCheck, QualityReport, assess_quality
from fgait_core.silhouettes.segmenter import Detection, PersonFrame, PersonSegmenter, Region
from fgait_core.silhouettes.tracking import track_walk
from fgait_core.silhouettes.video import VideoInfo, probe_video
from fgait_core.silhouettes.walk import Walk

__all__ = [
    "BlazePoseSegmenter",
    "Detection",
    "Manner",
    "PersonCandidate",
    "PersonFrame",
    "PersonSegmenter",
    "QualityCheck",
    "QualityReport",
    "Region",
    "VideoInfo",
    "Walk",
    "assess_quality",
    "find_people",
    "load_segmenter",
    "manner_of",
    "probe_video",
    "silhouette_strip",
    "track_walk",
    "write_contact_sheet",
    "write_overlay_clip",
]
