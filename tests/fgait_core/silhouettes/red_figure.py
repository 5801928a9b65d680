"""A stand-in person and a stand-in segmenter: a red figure on grey, found by its colour.

Used where the question is what is done with masks and places, not how they are found.
"""

import cv2
import numpy as np

from fgait_core.silhouettes import Detection, PersonFrame, Region

WIDTH_PX, HEIGHT_PX, FIGURE_PX = 640, 360, 160


def picture(x_px, *, bar=None, width_px=WIDTH_PX, height_px=HEIGHT_PX, figure_px=FIGURE_PX):
    """A figure with its middle at x_px; `bar` is a grey box x0, y0, x1, y1 in front of it."""
    image = np.full((height_px, width_px, 3), 128, np.uint8)
    # Some texture that stands still, as a real background does.
    image[:: height_px // 12] = 100
    image[:, :: width_px // 16] = 90
    middle, half = (round(x_px), height_px // 2), figure_px // 2
    cv2.ellipse(image, middle, (figure_px // 6, half), 0, 0, 360, (255, 0, 0), -1)
    if bar is not None:
        cv2.rectangle(image, bar[:2], bar[2:], (110, 110, 110), -1)
    return image


def _red(rgb):
    return ((rgb[..., 0] > 180) & (rgb[..., 1] < 90) & (rgb[..., 2] < 90)).astype(np.uint8)


class RedFigureSegmenter:
    """A `PersonSegmenter` that takes red for a person."""

    def __init__(self):
        self.looked = 0

    def detect(self, rgb, *, thorough=True, pulse=None):
        rows, columns = np.nonzero(_red(rgb))
        if len(rows) < 200:
            return ()
        height = float(rows.max() - rows.min())
        return (Detection(Region(float(columns.mean()), float(rows.mean()), 1.5 * height), 0.9),)

    def segment(self, rgb, region):
        self.looked += 1
        left, top = region.x_px - region.size_px / 2, region.y_px - region.size_px / 2
        scale = 256 / region.size_px
        to_crop = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
        mask = cv2.warpAffine(_red(rgb), to_crop, (256, 256), flags=cv2.INTER_NEAREST) * 255
        rows, columns = np.nonzero(mask)
        if len(rows) < 200:
            return None
        y0, y1, x = top + rows.min() / scale, top + rows.max() / scale, left + columns.mean() / scale
        landmarks = np.tile(np.array([x, (y0 + y1) / 2], np.float32), (33, 1))
        landmarks[:11, 1] = y0 + 0.1 * (y1 - y0)
        landmarks[27:, 1] = y0 + 0.97 * (y1 - y0)
        # The foot ends where the figure ends, also where the picture cuts the figure or a bar hides its legs.
        landmarks[27:, 1] = HEIGHT_PX / 2 + FIGURE_PX / 2 if rgb.shape[0] == HEIGHT_PX else y1
        world = np.zeros((33, 3), np.float32)
        world[:, :2] = (landmarks - landmarks.mean(axis=0)) * 1.7 / (y1 - y0)
        return PersonFrame(
            landmarks_px=landmarks,
            visibility=np.ones(33, np.float32),
            world_m=world,
            score=1.0,
            mask=mask,
            mask_region=region,
            next_region=Region(float(x), float(rgb.shape[0] / 2), region.size_px),
        )
