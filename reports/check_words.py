"""What quality checks and refusals say, as templates: a stored result carries them in English with its figures.

`reports.stored_words` recognises them and says them in the reader's language. The sentences are written by the engine;
a test holds both sides together. A sentence that the engine no longer writes stays here for the results that carry it.
"""

from __future__ import annotations

LABELS = (
    "One person in the picture",
    "Whole body visible",
    "Size of the person",
    "Frame rate",
    "Time in full view",
    "Footsteps in full view",
    "Walking over the ground",
    "View for {task}",
    "Sharpness",
    "Still camera",
)

VALUES = (
    "not measured",
    "yes",
    "no",
    "people",
    "steps",
    "body heights travelled",
    "% of the picture width a second",
    "front",
    "oblique",
    "side",
    "back",
    "scoliosis",
    "depression",
)
"""Units and values that are words."""

THRESHOLDS = (
    "at least {good} of the time (refused below {least})",
    "at least {good} px high (refused below {least})",
    "at least {good} (refused below {least})",
    "at least {least} Hz",
    "at least {least} s",
    "at least {least}",
    "at most {most}",
    "steps in turn, upright, at least {least} body heights of way",
    "front or back or oblique",
    "side or oblique",
    "front or oblique or side or back",
)

ADVICE = (
    "{n} people were seen and person {number} was followed. Check that this is the patient; better, film the patient "
    "alone.",
    "The whole body is seen in only {share} of the time: the border of the picture or something in front of the person "
    "hides a part. Film from farther away, with room above the head and below the feet.",
    "The person is only {height} pixels high. Film from nearer or with a higher resolution, so that the body fills at "
    "least a third of the height of the picture.",
    "The video has only {rate} pictures a second. Film with 30 or more; any phone does so by default.",
    "The person is in full view for only {seconds} s. Film the whole way, at least 4 m, with the camera still.",
    "In full view, {n} footsteps were counted. Film at least {least} steps of straight walking, better 8.",
    "In full view, 1 footstep was counted. Film at least {least} steps of straight walking, better 8.",
    "{fault} Film the patient walking straight ahead over the ground at the usual pace, not on a treadmill.",
    "The person does not walk anywhere: standing, exercising or moving on the spot cannot be scored.",
    "The person moves too fast for walking: running or riding cannot be scored.",
    "The person is not upright.",
    "The legs are never straight: sitting, cycling or crouching cannot be scored.",
    "The legs move at {cadence} steps a minute, which is no walking.",
    "The person was filmed from the front. {advice}",
    "The person was filmed from an oblique angle. {advice}",
    "The person was filmed from the side. {advice}",
    "The person was filmed from behind. {advice}",
    "For scoliosis, film from the front or from behind: the trunk's asymmetry is hardly seen in profile.",
    "For depression, film from the side: posture and arm swing are seen best in profile.",
    "The person is blurred. Clean the lens, let the camera focus on the person, and film in brighter light.",
    "The camera moves. Put it on a tripod or a table and let the patient walk past or towards it.",
)

REFUSALS = (
    "Nobody was found in the recording. Film the whole person from head to feet, in good light, so that the body fills "
    "at least a third of the height of the picture.",
    "Person {number} is never seen from head to feet. Film so that the whole body stays in the picture and nothing "
    "hides it, with some room above the head and below the feet.",
    "The file is empty: nothing was recorded or the copy failed. {again}",
    "The file is {kind}, whatever its name says. Choose a video in MP4, MOV, MKV, AVI or WebM format.",
    "a PDF document",
    "a JPEG picture",
    "a PNG picture",
    "a ZIP archive or office document",
    "a GIF picture",
    "an MP3 sound file",
    "not a video that can be read",
    "The file is damaged or cut off: its index cannot be read. {again}",
    "The file holds only sound, no video. Choose the file that shows the patient walking.",
    "The file holds no picture, no video. Choose the file that shows the patient walking.",
    "The video uses an unknown codec, which cannot be read here. {convert}",
    "The video uses the codec {codec}, which cannot be read here. {convert}",
    "The file is damaged: its picture has no size. {again}",
    "The picture is {width} x {height} pixels; at most {most} on a side can be used. Film in 4K or less (1080p is "
    "enough), or scale the video down.",
    "The file holds no picture that can be decoded: it is empty or damaged. {again}",
    "The file is damaged: it cannot be read to its end. {again}",
    "The file is cut off: a part of the video is missing at its end. {again}",
    "The video has no length: it holds {n} picture(s). Film again.",
    "The video is {minutes} minutes long; at most {most} can be used. Cut out the part in which the patient walks.",
    "The video holds {pictures} pictures of {width} x {height} pixels, which is too much to look through. Cut out the "
    "part in which the patient walks, or film in 1080p.",
    "The file is damaged: too many of its pictures cannot be decoded. {again}",
    "Copy it from the camera again; if it does not play in a video player either, film again.",
    "Convert it to MP4 with H.264, or film again with the phone's default settings.",
)

SIMULATED_CLINIC = (
    "Camera",
    "simulated camera",
    "no video: pictures were never made",
    "known of the simulation, not measured",
    "known of the simulation, not measured; at least {least}",
    "The simulated walk has {found}.",
)
"""Of simulated patients, whose silhouettes were never filmed."""
