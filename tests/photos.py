"""Synthetic photographs of handwriting: digits on paper, in the light of a room.

A camera sees light times paper, and ink absorbs a share of it. The light fades across the sheet and towards the corners, and
something throws a shadow with a soft edge. The paper has grain and perhaps lines. The file is a JPEG.
"""

import io

import numpy as np


def inked(digits, size, *, sharp=True):
    """Digits (n, 28, 28) uint8 as ink (n, size, size) from 0 to 1, interpolated; ``sharp`` gives the edges of a pen."""
    place = np.clip((np.arange(size) + 0.5) * 28 / size - 0.5, 0, 27)  # (size,)
    weights = np.maximum(0, 1 - np.abs(np.arange(28) - place[:, None])).astype(np.float32)  # (size, 28)
    smooth = weights @ (digits / np.float32(255)) @ weights.T
    sharpness = max(1.0, size / 28) if sharp else 1.0
    return np.clip((smooth - 0.5) * sharpness + 0.5, 0, 1)


def light(height, width, rng, *, depth):
    """Light on a sheet, (height, width) above 0 and up to 1; ``depth`` from 0 (even) to 1 tells how uneven it is."""
    row, column = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    fading = 1 - depth * 0.5 * (1 + (row * np.sin(angle) + column * np.cos(angle)) / np.sqrt(2)) / 2
    corners = 1 - depth * rng.uniform(0.1, 0.35) * (row**2 + column**2) / 2
    angle, offset, edge = rng.uniform(0, 2 * np.pi), rng.uniform(-0.6, 0.6), rng.uniform(0.02, 0.3)
    across = np.clip((row * np.sin(angle) + column * np.cos(angle) - offset) / edge + 0.5, 0, 1)
    shadow = 1 - depth * rng.uniform(0.2, 0.55) * across * across * (3 - 2 * across)
    return fading * corners * shadow


def lines(height, width, rng, *, squared):
    """How much red, green and blue bluish lines on paper absorb, (height, width, 3)."""
    strength = np.zeros((height, width))
    distance, thick = int(rng.integers(22, 48)), int(rng.integers(1, 3))
    for start in range(int(rng.integers(distance)), height, distance):
        strength[start : start + thick] = 1
    if squared:
        for start in range(int(rng.integers(distance)), width, distance):
            strength[:, start : start + thick] = 1
    return strength[..., None] * rng.uniform(0.5, 1) * np.array([0.3, 0.18, 0.08])


def photo(ink, rng, *, depth=1.0, grain=4.0, paper="plain", chalk=False):
    """Ink (height, width) from 0 to 1 on paper, photographed: (height, width, 3) uint8, before it is made a JPEG.

    Args:
        ink: how much of each place is covered.
        rng: draws everything.
        depth: of the unevenness of the light, from 0 to 1.
        grain: standard deviation of paper and sensor together, of 255.
        paper: "plain", "ruled" or "squared".
        chalk: light strokes on a dark board instead of dark ink on light paper.
    """
    height, width = ink.shape
    sheet = np.ones((height, width, 3)) * (rng.uniform(0.16, 0.3) if chalk else rng.uniform(0.82, 0.97, 3))
    if paper != "plain":
        sheet = sheet * (1 - lines(height, width, rng, squared=paper == "squared"))
    colour = rng.uniform(0.8, 0.95, 3) if chalk else rng.uniform(0.05, 0.25) + np.array([0, 0, rng.uniform(0, 0.3)])
    seen = sheet * (1 - ink[..., None]) + ink[..., None] * colour
    seen = 255 * seen * light(height, width, rng, depth=depth)[..., None]
    coarse = rng.normal(0, grain, (height // 2 + 1, width // 2 + 1)).repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
    seen = seen + 0.7 * coarse[..., None] + rng.normal(0, 0.7 * grain, (height, width, 3))
    return np.rint(np.clip(seen, 0, 255)).astype(np.uint8)


def jpeg(picture, quality):
    """The picture after it was saved as a JPEG file; needs Pillow."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "jpeg", quality=quality)
    return np.asarray(Image.open(stream))


def sheet_with_digit(digit, rng):
    """Ink (height, width) from 0 to 1: one digit (28, 28), of any size, somewhere on a sheet of any size."""
    height, width = int(rng.integers(240, 480)), int(rng.integers(320, 640))
    size = int(rng.uniform(0.18, 0.8) * min(height, width))  # of all 28 pixels; the digit takes up 20
    ink = np.zeros((height, width))
    row, column = int(rng.integers(height - size + 1)), int(rng.integers(width - size + 1))
    ink[row : row + size, column : column + size] = inked(digit[None], size)[0]
    return ink


def sheet_with_number(digits, rng, *, gap=(0.05, 0.5)):
    """Ink (height, width) from 0 to 1: digits (n, 28, 28) in a row somewhere on a sheet.

    Args:
        digits: in the order of reading.
        rng: draws sizes, distances and the place.
        gap: least and most distance between the strokes of neighbours, in heights of a digit; below 0 they overlap.
    """
    height, size = int(rng.integers(200, 400)), rng.uniform(40, 120)
    parts = []
    for digit in digits:
        ink = inked(digit[None], int(size * rng.uniform(0.9, 1.1) * 1.4))[0]
        rows, columns = np.flatnonzero((ink > 0.5).any(axis=1)), np.flatnonzero((ink > 0.5).any(axis=0))
        parts.append(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    gaps = [int(size * rng.uniform(*gap)) for _ in parts]
    left, width = int(rng.integers(10, 60)), 130 + sum(part.shape[1] for part in parts) + sum(map(abs, gaps))
    sheet = np.zeros((height, width))
    middle = int(rng.integers(int(0.75 * size), height - int(0.75 * size)))
    for part, space in zip(parts, gaps, strict=True):
        top = int(np.clip(middle + rng.uniform(-0.1, 0.1) * size - part.shape[0] // 2, 0, height - part.shape[0]))
        here = sheet[top : top + part.shape[0], left : left + part.shape[1]]
        np.maximum(here, part, out=here)
        left += part.shape[1] + space
    return sheet
