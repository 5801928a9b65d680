"""How to film a walk: distances, views, light, and what is refused and why, with pictures.

The figures of the last table are those of the quality check itself.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

import streamlit as st

from app.services.permissions import Actor, Permission
from app.views.parts import filming_pictures, look, page
from app.views.parts.words import language, tr
from fgait_core.silhouettes.quality import (
    GOOD_BODY_PX,
    MIN_BODY_PX,
    MIN_DURATION_S,
    MIN_RATE_HZ,
    MIN_SEEN,
    MIN_STEPS,
    MIN_TRAVEL_BODY_HEIGHTS,
    SUITABLE_VIEWS,
)
from reports.wording import task_title

_PICTURES = Path(__file__).parent / "parts" / "pictures"
_VIEWS = ("front", "back", "side", "oblique")


def body(actor: Actor) -> None:
    """Draws the page."""
    st.title(tr("Filming guide"))
    look.bullets(
        [
            tr("One patient alone in the picture, from head to feet, all the way."),
            tr("A camera that stands still, as high as the patient's hips, held sideways for a walk past it."),
            tr("At least {least} steps straight ahead at the usual pace, better 8; two films from each side.", least=4),
            tr("30 pictures a second or more, 1080p, no filter, no zoom, no slow motion."),
            tr("Light on the patient, a plain background, clothes that show the outline of the body."),
        ],
        numbered=True,
    )
    _place()
    _views()
    _clothes_and_light()
    _framing()
    _refused()


def _place() -> None:
    st.subheader(tr("Where the camera stands"))
    left, right = st.columns(2, vertical_alignment="center")
    left.image(
        filming_pictures.from_the_side(distance=tr("{metres} m", metres="4–5"), height=tr("{metres} m", metres="1")),
        width="stretch",
        alt=tr("A camera on a stand at hip height, four to five metres from the walker, sees the whole body."),
    )
    with right:
        look.bullets(
            [
                tr("From the side: 4 to 5 m from the line of the walk. A phone then sees 5 to 6 m of it."),
                tr(
                    "From the front or from behind: the walk begins or ends 7 to 8 m away and comes no nearer than 3 m."
                ),
                tr("Height of the lens: about 1 m. Not tilted; a stand or a table, not the hand."),
                tr("The body fills a third to two thirds of the height of the picture."),
            ]
        )


def _views() -> None:
    st.subheader(tr("From which side"))
    names = {
        "front": tr("From the front"),
        "back": tr("From behind"),
        "side": tr("From the side"),
        "oblique": tr("At an angle"),
    }
    ways = {
        "front": tr("The patient walks straight towards the camera."),
        "back": tr("The patient walks straight away from the camera."),
        "side": tr("The patient walks past the camera, at a right angle to where it looks."),
        "oblique": tr("The patient walks past the camera and towards it, at about 45°."),
    }
    for pair in (_VIEWS[:2], _VIEWS[2:]):
        for column, view in zip(st.columns(2), pair, strict=True):
            with column, st.container(border=True):
                _view(view, names[view], ways[view])
    st.markdown(
        tr(
            "One film from the front and one from the side answer both questions. Stop the camera before the patient "
            "turns, and film each pass anew: the films of a visit are assessed together. Two passes from each side "
            "make the measures of gait steadier; 8 steps or more are needed for double support."
        )
    )


def _view(view: str, name: str, way: str) -> None:
    st.markdown(f"**{name}**")
    left, right = st.columns(2, vertical_alignment="center")
    left.image(filming_pictures.from_above(view), width="stretch", alt=tr("Seen from above. {way}", way=way))
    right.image(
        str(_PICTURES / f"{view}.jpg"),
        width="stretch",
        alt=tr("What the camera sees (a simulated walker). {name}.", name=name),
    )
    st.markdown(way)
    fit = [task for task, views in SUITABLE_VIEWS.items() if view in views]
    pills = " ".join(look.pill(task_title(task, language()), "ok") for task in fit)
    good_for = tr("Good for")
    st.html(f'<span class="fg-muted fg-small">{escape(good_for)}</span> {pills}')


def _clothes_and_light() -> None:
    st.subheader(tr("Clothes, light and room"))
    left, right = st.columns(2)
    with left:
        st.markdown(tr("**The patient**"))
        look.bullets(
            [
                tr("Clothes that lie close, without a coat, a long skirt or a wide jacket; hair off the shoulders."),
                tr("The usual shoes, or barefoot; write into the notes which. Nothing in the hands, no bag."),
                tr("A walking aid that is always used stays, and is noted: the model has not seen it."),
                tr("Two or three trial walks first, so that the patient walks as usual and not for the camera."),
            ]
        )
    with right:
        st.markdown(tr("**The room**"))
        look.bullets(
            [
                tr("8 m of free, even floor; at least 5 m."),
                tr("Even light from the front or from above. No window or lamp behind the patient."),
                tr("A background that differs from the clothes, without mirrors and without people passing."),
                tr("Only who has agreed is in the picture. A film shows a person: treat it as health data."),
            ]
        )


def _framing() -> None:
    st.subheader(tr("What the picture should look like"))
    pictures = {
        "good": tr("Good: the whole body, with room above and below, all the way."),
        "feet": tr("Too near: head or feet leave the picture."),
        "far": tr("Too far: the person is too small."),
        "hidden": tr("Something stands in front of the legs."),
        "dark": tr("Too dark, or light from behind."),
        "moving": tr("The camera moves, or the picture is blurred."),
    }
    kinds = list(pictures)
    for row in (kinds[:3], kinds[3:]):
        for column, kind in zip(st.columns(3), row, strict=True):
            with column:
                st.image(filming_pictures.framing(kind), width="stretch", alt=pictures[kind])
                st.markdown(pictures[kind])


def _refused() -> None:
    st.subheader(tr("What is refused, and why"))
    st.markdown(
        tr(
            "A film that is refused gets no score, neither positive nor negative. A film with a warning is scored, and "
            "the warning goes with the result."
        )
    )
    refused, noted = look.pill(tr("refused"), "positive"), look.pill(tr("warning"), "wait")
    rows = [
        (tr("Steps in full view"), tr("fewer than {least}", least=MIN_STEPS), refused, tr("too few to know a gait")),
        (
            tr("Time in full view"),
            tr("less than {least} s", least=f"{MIN_DURATION_S:.0f}"),
            refused,
            tr("too short to know a gait"),
        ),
        (
            tr("Whole body in the picture"),
            tr("less than {share} of the time", share=f"{MIN_SEEN:.0%}"),
            refused,
            tr("the outline that is scored has gaps"),
        ),
        (
            tr("Size of the person"),
            tr(
                "less than {least} pixels high; warning below {good}",
                least=f"{MIN_BODY_PX:.0f}",
                good=f"{GOOD_BODY_PX:.0f}",
            ),
            refused,
            tr("arms and feet cannot be told apart"),
        ),
        (
            tr("Pictures a second"),
            tr("fewer than {least}", least=f"{MIN_RATE_HZ:.0f}"),
            refused,
            tr("a step is over before it is seen"),
        ),
        (
            tr("Walking"),
            tr("less than {least} body heights of way, running, sitting, a treadmill", least=MIN_TRAVEL_BODY_HEIGHTS),
            refused,
            tr("the model knows walking over the ground only"),
        ),
        (tr("Other people in the picture"), tr("more than one person"), noted, tr("somebody else may be followed")),
        (tr("View"), tr("not the one for the question"), noted, tr("what is looked for is hardly seen")),
        (
            tr("Sharpness"),
            tr("blurred; refused where hardly any edge is seen"),
            f"{noted} {refused}",
            tr("the outline is less exact"),
        ),
        (tr("Still camera"), tr("the camera moves"), noted, tr("the way of the walk is less exact")),
    ]
    look.table(
        (tr("What"), tr("When"), tr("Then"), tr("Why")),
        [(escape(what), escape(when), then, escape(why)) for what, when, then, why in rows],
    )


if __name__ == "__main__":
    page.run(Permission.ADD_RECORDINGS, body)
