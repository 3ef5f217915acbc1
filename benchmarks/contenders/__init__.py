"""The contenders: one module each, imported only in the process that runs it."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from benchmarks.contenders.base import Contender, Job, PictureContender


@dataclass(frozen=True)
class Entry:
    """The location of a contender.

    Attributes:
        label: its name in tables.
        module: of this package.
        class_name: in that module.
        needs: the top-level package that must be installed.
    """

    label: str
    module: str
    class_name: str
    needs: str = "numpy"

    @property
    def available(self) -> bool:
        """Whether its package is installed."""
        return find_spec(self.needs) is not None


ENTRIES = {
    "handspun": Entry("handspun", "ours", "Handspun"),
    "jax-scan": Entry("JAX, an epoch compiled into one scan", "jaxed", "JaxScan", "jax"),
    "jax-step": Entry("JAX, one jitted step", "jaxed", "JaxStep", "jax"),
    "torch": Entry("PyTorch eager, index batches", "pytorch", "TorchIndexed", "torch"),
    "torch-loader": Entry("PyTorch eager, its DataLoader", "pytorch", "TorchLoader", "torch"),
    "torch-uint8": Entry("PyTorch eager, batches made of uint8", "pytorch", "TorchBytes", "torch"),
    "sklearn": Entry("scikit-learn MLPClassifier", "scikit", "ScikitLearn", "sklearn"),
    "textbook": Entry("textbook NumPy loop, float64", "loop", "Textbook"),
    "floor": Entry("matrix products alone", "floor", "MatrixProducts"),
    "handspun-pictures": Entry("handspun", "ours", "HandspunPictures"),
    "torch-pictures": Entry("PyTorch eager", "pytorch", "TorchPictures", "torch"),
    "torch-channels-last": Entry("PyTorch eager, channels last", "pytorch", "TorchPicturesChannelsLast", "torch"),
    "floor-pictures": Entry("matrix products alone", "floor", "ConvolutionProducts"),
}

__all__ = ["ENTRIES", "Contender", "Entry", "Job", "PictureContender", "make"]


def make(name: str, images: np.ndarray, labels: np.ndarray, job: Job) -> Contender:
    """The contender ``name`` of ``ENTRIES``, ready to train on images (N, 784) uint8 and labels (N,)."""
    entry = ENTRIES[name]
    module = importlib.import_module(f"benchmarks.contenders.{entry.module}")
    return getattr(module, entry.class_name)(images, labels, job)
