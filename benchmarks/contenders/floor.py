"""The floor: the time of the matrix products of an epoch alone."""

from __future__ import annotations

import itertools

import numpy as np

from benchmarks.contenders.base import HIDDEN, Contender, Job
from benchmarks.data import CLASSES, PIXELS


class MatrixProducts(Contender):
    """For each step and layer y = x W, dW = xᵀ dy, and dx = dy Wᵀ except for the first layer; arrays are reused."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, job: Job) -> None:
        rng = np.random.default_rng(job.seed)
        sizes = [PIXELS, *HIDDEN, CLASSES]
        whole, rest = divmod(len(images), job.batch_size)
        x = [rng.random((job.batch_size, size), np.float32) for size in sizes]  # (N, size) each; dy and dx use them too
        w = [rng.random((m, n), np.float32) for m, n in itertools.pairwise(sizes)]
        dw = [np.empty_like(weight) for weight in w]
        y = [np.empty_like(activation) for activation in x]
        steps = [(job.batch_size, whole)] + ([(rest, 1)] if rest else [])
        self.work = []
        for n, times in steps:
            products = []
            for i, weight in enumerate(w):
                products.append((x[i][:n], weight, y[i + 1][:n]))
                products.append((x[i][:n].T, x[i + 1][:n], dw[i]))
                if i:
                    products.append((x[i + 1][:n], weight.T, y[i][:n]))
            self.work.append((products, times))

    def train(self, epochs: int) -> None:
        for _ in range(epochs):
            for products, times in self.work:
                for _ in range(times):
                    for left, right, out in products:
                        np.matmul(left, right, out=out)

    def accuracy(self) -> None:
        return None


#: Rows, inner size and columns an image of the products in a pass of the reference network of convolutions: outputs by
#: weights by places. Each is done three times, for y, dW and dx; the first layer needs no dx.
CONVOLUTIONS = ((16, 25, 576), (32, 400, 64), (128, 512, 1), (10, 128, 1))

#: Images at once.
PIECE = 64


class ConvolutionProducts(Contender):
    """The same for the convolutional reference network, with the shapes of the usual method ("im2col")."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, job: Job) -> None:
        rng = np.random.default_rng(job.seed)
        self.times = len(images) // PIECE
        self.products = []
        for number, (rows, inner, places) in enumerate(CONVOLUTIONS):
            w = rng.random((rows, inner), np.float32)
            x = rng.random((inner, places * PIECE), np.float32)
            y = rng.random((rows, places * PIECE), np.float32)
            # No product uses the result of another: repeated products would soon overflow.
            self.products += [(w, x, np.empty_like(y)), (y, x.T, np.empty_like(w))]
            if number:
                self.products.append((w.T, y, np.empty_like(x)))

    def train(self, epochs: int) -> None:
        for _ in range(epochs * self.times):
            for left, right, out in self.products:
                np.matmul(left, right, out=out)

    def accuracy(self) -> None:
        return None


def convolution_flops() -> int:
    """Floating-point operations of these products for one image."""
    return sum(2 * rows * inner * places * (3 if number else 2) for number, (rows, inner, places) in enumerate(CONVOLUTIONS))
