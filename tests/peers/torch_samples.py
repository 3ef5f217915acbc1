"""PyTorch's own samples: those of its modules, functions and optimizers that handspun has.

They come with the package, in ``torch.testing._internal``: ``module_db``, ``op_db`` and ``optim_db``. Their values are drawn
from PyTorch's global generator, which is seeded for each of them. Weights of losses are made positive, for handspun takes no
others.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from judging import NotExpressibleError, Pairs
from torch import nn
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.common_modules import module_db
from torch.testing._internal.common_optimizers import optim_db
from torch_layers import LAYERS, Twin, array
from torch_losses import LOSSES

import handspun as hs

#: What one sample is: its name, and what compares it.
Sample = tuple[str, Callable[[], Pairs]]


def _compare(theirs: Callable[[], Any], make: Callable[[], Twin]) -> Pairs:
    """Values and gradients of both, from the same inputs and the same gradient of the outputs."""
    twin = make()  # before their pass, which may change running averages
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # PyTorch warns of some of its own samples
        y = theirs()
    y = y[0] if isinstance(y, tuple) else y
    rng = np.random.default_rng(0)
    dy = torch.from_numpy(np.asarray(rng.normal(size=tuple(y.shape))))
    ours = twin.run(twin.outputs(array(dy)))
    yield "y", ours["y"], twin.outputs(array(y))
    leaves = {name: leaf for name, leaf in twin.leaves.items() if leaf[0].requires_grad}
    if leaves:
        gradients = torch.autograd.grad(y, [tensor for tensor, _ in leaves.values()], dy)
        for (name, (_, turn)), gradient in zip(leaves.items(), gradients, strict=True):
            yield f"the gradient of {name}", ours[name], turn(array(gradient))
    for name, tensor in twin.kept.items():
        yield name, ours[name], array(tensor)


#: The functions of PyTorch that handspun has, by name.
FUNCTIONS: dict[str, Callable[..., Twin]] = LAYERS | LOSSES

torch.set_num_threads(1)


def _make_weights_positive(settings: dict[str, Any]) -> None:
    if settings.get("weight") is not None:
        settings["weight"] = settings["weight"].detach().abs()


# Functions -------------------------------------------------------------------------------------------------------------


def function_samples(name: str) -> Iterator[Sample]:
    """The samples of ``op_db`` for a function, all variants of it."""
    for op in op_db:
        if op.name.removeprefix("nn.functional.") != name:
            continue
        torch.manual_seed(0)
        for number, sample in enumerate(list(op.sample_inputs("cpu", torch.float64, requires_grad=True))):
            arguments = (sample.input, *sample.args)
            if name in LOSSES:
                _make_weights_positive(sample.kwargs)
            title = " ".join(filter(None, ("function", name, op.variant_test_name, str(number))))
            yield f"{title}: {_described(arguments, sample.kwargs)}", _function(op, name, arguments, sample.kwargs)


def _function(op: Any, name: str, arguments: tuple[Any, ...], settings: dict[str, Any]) -> Callable[[], Pairs]:
    return lambda: _compare(lambda: op(*arguments, **settings), lambda: FUNCTIONS[name](*arguments, **settings))


def _described(arguments: tuple[Any, ...], settings: dict[str, Any]) -> str:
    """Arguments in words, a tensor by its shape."""

    def short(value: Any) -> str:
        return f"{tuple(value.shape)}" if isinstance(value, torch.Tensor) else f"{value}"

    return ", ".join([*map(short, arguments), *(f"{name}={short(value)}" for name, value in settings.items())])


# Modules ---------------------------------------------------------------------------------------------------------------


def _conv(m: Any, x: torch.Tensor) -> tuple[Any, ...]:
    return (x, m.weight, m.bias, m.stride, m.padding, m.dilation, m.groups)


def _pool(m: Any, x: torch.Tensor) -> tuple[Any, ...]:
    return (x, m.kernel_size, m.stride, m.padding)


def _batch_norm(m: Any, x: torch.Tensor) -> tuple[Any, ...]:
    return (x, m.running_mean, m.running_var, m.weight, m.bias, m.training, m.momentum, m.eps)


def _plain(m: Any, x: torch.Tensor) -> tuple[Any, ...]:
    return (x,)


def _classes(m: Any, z: torch.Tensor, target: torch.Tensor) -> tuple[Any, ...]:
    smoothing = getattr(m, "label_smoothing", 0.0)
    return (z, target, m.weight, None, m.ignore_index, None, m.reduction, smoothing)


#: The modules that handspun has: for each the function that it is, and its arguments from the module and its inputs.
MODULES: dict[type[nn.Module], tuple[str, Callable[..., tuple[Any, ...]]]] = {
    nn.AdaptiveAvgPool1d: ("adaptive_avg_pool1d", lambda m, x: (x, m.output_size)),
    nn.AdaptiveAvgPool2d: ("adaptive_avg_pool2d", lambda m, x: (x, m.output_size)),
    nn.AvgPool1d: ("avg_pool1d", lambda m, x: (*_pool(m, x), m.ceil_mode, m.count_include_pad)),
    nn.AvgPool2d: ("avg_pool2d", lambda m, x: (*_pool(m, x), m.ceil_mode, m.count_include_pad, m.divisor_override)),
    nn.BatchNorm1d: ("batch_norm", _batch_norm),
    nn.BatchNorm2d: ("batch_norm", _batch_norm),
    nn.BatchNorm3d: ("batch_norm", _batch_norm),
    nn.BCEWithLogitsLoss: (
        "binary_cross_entropy_with_logits",
        lambda m, z, t: (z, t, m.weight, m.reduction, m.pos_weight),
    ),
    nn.Conv1d: ("conv1d", _conv),
    nn.Conv2d: ("conv2d", _conv),
    nn.CrossEntropyLoss: ("cross_entropy", _classes),
    nn.GELU: ("gelu", _plain),
    nn.LayerNorm: ("layer_norm", lambda m, x: (x, m.normalized_shape, m.weight, m.bias, m.eps)),
    nn.LeakyReLU: ("leaky_relu", lambda m, x: (x, m.negative_slope)),
    nn.Linear: ("linear", lambda m, input: (input, m.weight, m.bias)),
    nn.LogSoftmax: ("log_softmax", lambda m, x: (x, m.dim)),
    nn.MaxPool1d: ("max_pool1d", lambda m, x: (*_pool(m, x), m.dilation, m.ceil_mode)),
    nn.MaxPool2d: ("max_pool2d", lambda m, x: (*_pool(m, x), m.dilation, m.ceil_mode)),
    nn.MSELoss: ("mse_loss", lambda m, z, t: (z, t, m.reduction)),
    nn.NLLLoss: ("nll_loss", _classes),
    nn.ReLU: ("relu", _plain),
    nn.Sigmoid: ("sigmoid", _plain),
    nn.SiLU: ("silu", _plain),
    nn.Softmax: ("softmax", lambda m, x: (x, m.dim)),
    nn.Softmax2d: ("softmax", lambda m, x: (x, -3)),
    nn.Tanh: ("tanh", _plain),
}


def module_samples(kind: type[nn.Module]) -> Iterator[Sample]:
    """The samples of ``module_db`` for a module, in training and, where that differs, in inference."""
    info = next(info for info in module_db if info.module_cls is kind)
    for training in (True, False) if info.train_and_eval_differ else (True,):
        torch.manual_seed(0)
        samples = info.module_inputs_func(info, "cpu", torch.float64, requires_grad=True, training=training)
        for number, sample in enumerate(list(samples)):
            given, inputs = sample.constructor_input, sample.forward_input
            if MODULES[kind][0] in LOSSES:
                _make_weights_positive(given.kwargs)
            settings = _described(given.args, given.kwargs)
            title = f"module {kind.__name__} {'training' if training else 'inference'} {number}"
            shapes = _described(inputs.args, inputs.kwargs)
            yield f"{title}: ({settings}) of {shapes}", _module(kind, given, inputs, training)


def _module(kind: type[nn.Module], given: Any, inputs: Any, training: bool) -> Callable[[], Pairs]:
    def compare() -> Pairs:
        torch.manual_seed(1)
        module = kind(*given.args, **given.kwargs).to(torch.float64).train(training)
        name, arguments = MODULES[kind]
        return _compare(
            lambda: module(*inputs.args, **inputs.kwargs),
            lambda: FUNCTIONS[name](*arguments(module, *inputs.args, **inputs.kwargs)),
        )

    return compare


# Optimizers ------------------------------------------------------------------------------------------------------------

STEPS, SIZE = 12, 23


def _sgd(lr: float = 1e-3, momentum: float = 0.0, dampening: float = 0.0, nesterov: bool = False) -> hs.Optimizer:
    if dampening:
        raise NotExpressibleError("a velocity that takes in a part of the gradient")
    if nesterov:
        return hs.Nesterov(lr, momentum=momentum)
    return hs.Momentum(lr, momentum=momentum) if momentum else hs.SGD(lr)


def _adam(kind: type[hs.Adam], lr: float = 1e-3, amsgrad: bool = False, eps: float = 1e-8, **decay: float) -> hs.Optimizer:
    if amsgrad:
        raise NotExpressibleError("AMSGrad")
    return kind(lr, epsilon=eps, **decay)


def _rmsprop(lr: float = 1e-2, alpha: float = 0.99, centered: bool = False, momentum: float = 0.0) -> hs.Optimizer:
    if centered or momentum:
        raise NotExpressibleError("RMSprop that is centred or has a momentum")
    return hs.RMSprop(lr, decay=alpha)


def _adagrad(lr: float = 1e-2, initial_accumulator_value: float = 0.0) -> hs.Optimizer:
    if initial_accumulator_value:
        raise NotExpressibleError("squares that do not begin with 0")
    return hs.Adagrad(lr)


#: The optimizers that handspun has.
OPTIMIZERS: dict[type[torch.optim.Optimizer], Callable[..., hs.Optimizer]] = {
    torch.optim.Adagrad: _adagrad,
    torch.optim.Adam: lambda **settings: _adam(hs.Adam, **settings),
    torch.optim.AdamW: lambda **settings: _adam(hs.AdamW, **settings),
    torch.optim.RMSprop: _rmsprop,
    torch.optim.SGD: _sgd,
}


def optimizer_samples(kind: type[torch.optim.Optimizer]) -> Iterator[Sample]:
    """The settings of ``optim_db`` for an optimizer."""
    info = next(info for info in optim_db if info.optim_cls is kind)
    for number, sample in enumerate(info.optim_inputs_func("cpu")):
        settings = _described((), sample.kwargs)
        yield f"optimizer {kind.__name__} {number}: {settings}", _optimizer(kind, sample.kwargs)


def _optimizer(kind: type[torch.optim.Optimizer], settings: dict[str, Any]) -> Callable[[], Pairs]:
    """The parameters after each of ``STEPS`` steps, with the same gradients.

    What PyTorch calls ``weight_decay`` is a penalty here, except in AdamW; ``maximize`` is descent by the opposite of the
    gradient; ``lr_decay`` of Adagrad is the schedule InverseTimeDecay.
    """

    def compare() -> Pairs:
        own = {name: float(v) if isinstance(v, torch.Tensor) else v for name, v in settings.items()}
        sign = -1.0 if own.pop("maximize", False) else 1.0
        schedule = hs.InverseTimeDecay(own.pop("lr_decay", 0.0))
        penalty = hs.Penalty(l2=0.0 if kind is torch.optim.AdamW else own.pop("weight_decay", 0.0))
        optimizer = OPTIMIZERS[kind](**own)
        rng = np.random.default_rng(1)
        x = rng.normal(size=SIZE)
        leaf = torch.nn.Parameter(torch.from_numpy(x.copy()))
        theirs = kind([leaf], **settings)
        everything = [slice(0, SIZE)]
        optimizer.start(x, everything)
        for step in range(STEPS):
            g = rng.normal(size=SIZE)
            leaf.grad = torch.from_numpy(g.copy())
            theirs.step()
            g *= sign
            penalty(x, everything, g)
            optimizer.step(x, g, optimizer.learning_rate / (1.0 + step * schedule.decay))
            yield f"the parameters after step {step + 1}", x.copy(), array(leaf).copy()

    return compare
