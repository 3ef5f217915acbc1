"""Measure how well other pictures are read: photographed digits, digits anywhere on a sheet, numbers of four digits.

    HANDSPUN_DATA_DIR=... python scripts/measure_pictures.py photos anywhere numbers

The digits are MNIST's test images, a program draws their surroundings, and `mnist-cnn` reads them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from handspun import load_dataset, load_pretrained
from handspun.evaluation.metrics import wilson_interval
from handspun.pictures.contract import Contract
from handspun.pictures.grey import to_grey
from handspun.pictures.normalize import normalize_polarity_and_contrast
from handspun.pictures.segmentation import segments
from handspun.pictures.strokes import find_strokes
from photos import inked, jpeg, photo, sheet_with_digit, sheet_with_number

CONTRACT = Contract()


def share(right: list[bool] | np.ndarray) -> str:
    """How many are right, with the 95 % interval."""
    low, high = wilson_interval(int(np.sum(right)), len(right))
    return f"{np.mean(right):.2%} ({low:.2%} to {high:.2%} of {len(right):,})"


def photos(images: np.ndarray, labels: np.ndarray, count: int) -> Iterator[str]:
    """Digits on paper in light of all kinds, with one ground for the whole sheet and with the contract."""
    rng, network = np.random.default_rng(100), load_pretrained("mnist-cnn")
    chosen = rng.choice(len(images), count, replace=False)
    one_ground, now, depths = [], [], rng.uniform(0, 1, count)
    for number, i in enumerate(chosen):
        paper = ("plain", "plain", "ruled", "squared")[number % 4]
        chalk, grain, quality = number % 8 == 0, rng.uniform(1, 7), int(rng.integers(40, 90))
        taken = photo(sheet_with_digit(images[i], rng), rng, depth=depths[number], grain=grain, paper=paper, chalk=chalk)
        picture = jpeg(taken, quality)[None]
        ink = normalize_polarity_and_contrast(to_grey(picture))
        one_ground.append(CONTRACT.render(ink, find_strokes(ink))[0])
        now.append(CONTRACT(picture)[0])
    for name, seen in (("one ground for the sheet", one_ground), ("with the contract", now)):
        right = network.predict(np.stack(seen)) == labels[chosen]
        yield f"photos, {name}: {share(right)}"
        for least in (0.0, 0.25, 0.5, 0.75):
            some = (depths >= least) & (depths < least + 0.25)
            yield f"    unevenness {least:.2f} to {least + 0.25:.2f}: {share(right[some])}"


def anywhere(images: np.ndarray, labels: np.ndarray, count: int) -> Iterator[str]:
    """Digits of 12 to 200 pixels anywhere on flat sheets, dark on light or light on dark, compared with the clean digits."""
    rng, network = np.random.default_rng(101), load_pretrained("mnist-cnn")
    chosen = rng.choice(len(images), count, replace=False)
    yield f"clean: {share(network.predict(images[chosen]) == labels[chosen])}"
    for height, width in ((280, 280), (600, 1000)):
        seen = []
        for i in chosen:
            size = round(rng.uniform(12, 200) * 28 / 20)  # of all 28 pixels; the digit takes up 20
            sheet = np.zeros((height, width), np.uint8)
            digit = np.rint(255 * inked(images[i][None], size, sharp=False)[0])
            row, column = int(rng.integers(height - size + 1)), int(rng.integers(width - size + 1))
            sheet[row : row + size, column : column + size] = digit
            seen.append(CONTRACT((255 - sheet if rng.random() < 0.5 else sheet)[None])[0])
        yield f"anywhere on {height} x {width}: {share(network.predict(np.stack(seen)) == labels[chosen])}"


def numbers(images: np.ndarray, labels: np.ndarray, count: int) -> Iterator[str]:
    """Numbers of four digits: how many digits, and how many numbers, are read correctly."""
    network = load_pretrained("mnist-cnn")
    for name, gap, depth in (
        ("apart, flat", (0.05, 0.5), 0.0),
        ("apart, photographed", (0.05, 0.5), 0.7),
        ("touching or nearly so", (-0.15, 0.0), 0.0),
    ):
        rng = np.random.default_rng(102)
        digits, whole, found = [], [], []
        for number in range(count // 4):
            chosen = rng.choice(len(images), 4, replace=False)
            sheet = sheet_with_number(images[chosen], rng, gap=gap)
            if depth:
                picture = jpeg(photo(sheet, rng, depth=depth * rng.random(), paper=("plain", "ruled")[number % 2]), 70)
            else:
                picture = np.rint(255 * (sheet if number % 2 else 1 - sheet)).astype(np.uint8)
            parts = segments(picture)
            found.append(len(parts) == 4)
            read = network.predict(np.stack([CONTRACT(part.picture[None])[0] for part in parts])) if parts else np.zeros(0)
            truth = labels[chosen]
            digits += (read == truth).tolist() if len(read) == 4 else [False] * 4
            whole.append(len(read) == 4 and bool((read == truth).all()))
        yield f"numbers, {name}: digits {share(digits)}"
        yield f"    whole numbers {share(whole)}; four digits found in {np.mean(found):.2%}"


def main() -> None:
    """Run the measurements named on the command line, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    measures = {"photos": photos, "anywhere": anywhere, "numbers": numbers}
    parser.add_argument("what", nargs="*", choices=[*measures, []], help="all by default")
    parser.add_argument("--count", type=int, default=1000, help="how many digits (default 1,000)")
    arguments = parser.parse_args()
    test = load_dataset("mnist").test
    assert test is not None
    assert test.labels is not None
    for name in arguments.what or measures:
        for line in measures[name](test.images, test.labels, arguments.count):
            print(line, flush=True)


if __name__ == "__main__":
    main()
