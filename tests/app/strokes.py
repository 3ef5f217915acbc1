"""The recorded strokes, and their ink."""

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SIDE = 280


def drawings():
    """All drawings: digit, style, and strokes of points (x, y) from 0 to 1."""
    return json.loads(Path(__file__).with_name("strokes.json").read_text("utf-8"))


def render(drawing, width=14):
    """A drawing with a round pen, (280, 280) uint8, light on black."""
    sheet = Image.new("L", (SIDE, SIDE))
    pen = ImageDraw.Draw(sheet)
    for stroke in drawing["strokes"]:
        points = [(x * SIDE, y * SIDE) for x, y in stroke]
        pen.line(points, 255, width, joint="curve")
        for x, y in points:
            pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=255)
    return np.asarray(sheet)
