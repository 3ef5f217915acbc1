"""PyTorch, eager."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.contenders.base import HIDDEN, Contender, Job, PictureContender
from benchmarks.data import CLASSES, PIXELS, SIDE, as_floats

#: Images a batch in inference: of 100, 500 and 1,000 the fastest.
INFERENCE = 500


class TorchIndexed(Contender):
    """Images as one float32 tensor, batches by ``index_select`` from a permutation, fused optimizers."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, job: Job) -> None:
        torch.set_num_threads(job.threads)
        torch.manual_seed(job.seed)
        self.job = job
        self.images = self.store(images)
        self.labels = torch.from_numpy(labels.astype(np.int64))
        self.network = self.build()
        kind = torch.optim.Adam if job.optimizer == "adam" else torch.optim.SGD
        self.optimizer = kind(self.network.parameters(), lr=job.learning_rate, fused=True)

    def build(self) -> nn.Module:
        """The reference network."""
        return reference_network()

    def store(self, images: np.ndarray) -> torch.Tensor:
        """The images as they are stored."""
        return torch.from_numpy(as_floats(images, np.float32))

    def batch(self, indices: torch.Tensor) -> torch.Tensor:
        """Images (n, 784) float32."""
        return self.images.index_select(0, indices)

    def batches(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """The batches of an epoch."""
        for indices in torch.randperm(len(self.images)).split(self.job.batch_size):
            yield self.batch(indices), self.labels.index_select(0, indices)

    def train(self, epochs: int) -> None:
        for _ in range(epochs):
            for x, y in self.batches():
                self.optimizer.zero_grad()
                functional.cross_entropy(self.network(x), y).backward()
                self.optimizer.step()

    def accuracy(self) -> float:
        with torch.inference_mode():
            hits = 0
            for indices in torch.arange(len(self.images)).split(10_000):
                hits += int((self.network(self.batch(indices)).argmax(1) == self.labels[indices]).sum())
        return hits / len(self.images)


class TorchLoader(TorchIndexed):
    """Batches from a DataLoader over a TensorDataset, as in most examples, with the default of no workers."""

    def batches(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        yield from DataLoader(TensorDataset(self.images, self.labels), batch_size=self.job.batch_size, shuffle=True)


class TorchBytes(TorchIndexed):
    """Images stay uint8, and each batch is converted: slower, but a quarter of the memory for data."""

    def store(self, images: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(images)

    def batch(self, indices: torch.Tensor) -> torch.Tensor:
        return self.images.index_select(0, indices).to(torch.float32).mul_(1.0 / 255.0)


class TorchPictures(TorchIndexed, PictureContender):
    """The convolutional reference network; images and weights in PyTorch's default memory order."""

    memory_format = torch.contiguous_format

    def build(self) -> nn.Module:
        network = nn.Sequential(
            *(nn.Conv2d(1, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(16, 32, 5), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(512, 128), nn.ReLU(), nn.Linear(128, CLASSES)),
        )
        return network.to(memory_format=self.memory_format)

    def store(self, images: np.ndarray) -> torch.Tensor:
        return super().store(images).view(-1, 1, SIDE, SIDE)

    def batch(self, indices: torch.Tensor) -> torch.Tensor:
        return super().batch(indices).to(memory_format=self.memory_format)

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            pieces = []
            for piece in torch.from_numpy(images).split(INFERENCE):
                x = piece.to(torch.float32).mul_(1.0 / 255.0).view(-1, 1, SIDE, SIDE).to(memory_format=self.memory_format)
                pieces.append(functional.softmax(self.network(x), dim=1))
            return torch.cat(pieces).numpy()


class TorchPicturesChannelsLast(TorchPictures):
    """The same with the channels last in memory, which PyTorch recommends for convolutions."""

    memory_format = torch.channels_last


def reference_network() -> nn.Sequential:
    """784-128-64-10 with ReLU."""
    sizes = [PIXELS, *HIDDEN]
    hidden = [layer for m, n in zip(sizes, HIDDEN, strict=False) for layer in (nn.Linear(m, n), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(HIDDEN[-1], CLASSES))
