"""A recipe for convolutional networks, trained by PyTorch: the same layers, initial weights, schedule and batches."""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.data import as_floats
from handspun.layers import BatchNorm, Conv2D, Dense, Flatten, Layer, MaxPool2D, ReLU
from handspun.optimization.schedules import Horizon
from handspun.recipes import load_recipe
from handspun.recipes.run import prepare


def torch_recipe_seconds(name: str, seed: int, threads: int) -> dict[str, float]:
    """Seconds of training by the recipe ``name``, and its test accuracy; channels last, fused AdamW."""
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    settings = load_recipe(name).settings.replace(seed=seed)
    material = prepare(settings)
    train, test = material.train, material.test
    assert test is not None
    own = settings.network(material.image_shape, material.classes)
    modules, shape = [], own.input_shape
    for layer in own.layers:
        modules.append(_module(layer, shape))
        shape = layer.output_shape(shape)
    network = nn.Sequential(*modules).to(memory_format=torch.channels_last)
    weights = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in network.parameters() if parameter.ndim == 1]
    groups = [{"params": weights, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)
    epochs = settings.epochs or 1
    steps = -(-len(train) // settings.batch_size)
    schedule, horizon = settings.fit_arguments()["schedule"], Horizon(epochs * steps, steps)
    x, y = _tensors(train.images, train.labels)

    began, step = time.perf_counter(), 0
    for _ in range(epochs):
        for indices in torch.randperm(len(x)).split(settings.batch_size):
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate * schedule.factor(step, horizon)
            optimizer.zero_grad()
            batch = x.index_select(0, indices).to(memory_format=torch.channels_last)
            functional.cross_entropy(network(batch), y.index_select(0, indices)).backward()
            optimizer.step()
            step += 1
    seconds = time.perf_counter() - began

    x, y = _tensors(test.images, test.labels)
    network.eval()
    with torch.inference_mode():
        hits = sum(int((network(a).argmax(1) == b).sum()) for a, b in zip(x.split(500), y.split(500), strict=True))
    return {"seconds": seconds, "accuracy": hits / len(x)}


def _tensors(images: np.ndarray, labels: np.ndarray | None) -> tuple[torch.Tensor, torch.Tensor]:
    assert labels is not None
    return torch.from_numpy(as_floats(images, np.float32))[:, None], torch.from_numpy(labels.astype(np.int64))


def _module(layer: Layer, shape: tuple[int, ...]) -> nn.Module:
    """The layer in PyTorch, with its initial weights."""
    match layer:
        case Conv2D():
            module = nn.Conv2d(shape[0], layer.filters, layer.kernel_size, bias=layer.has_bias)
            weight = layer.weight.transpose(0, 2, 1, 3)
        case Dense():
            module, weight = nn.Linear(*layer.weight.shape, bias=layer.has_bias), layer.weight.T
        case BatchNorm():
            return nn.BatchNorm2d(shape[0], eps=layer.epsilon, momentum=layer.momentum)
        case MaxPool2D():
            return nn.MaxPool2d(layer.size)
        case ReLU():
            return nn.ReLU()
        case Flatten():
            return nn.Flatten()
        case _:
            raise RuntimeError(f"{layer!r} has no counterpart here.")
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight)))
        if module.bias is not None:
            module.bias.zero_()
    return module
