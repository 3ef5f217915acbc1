"""The defaults of the peers, as data: ``defaults_page.py`` makes ``docs/defaults.md`` of them."""

from __future__ import annotations

from typing import Any, NamedTuple


class _Required:
    def __repr__(self) -> str:
        return "required"


#: The default of an argument that has none.
REQUIRED = _Required()


class Theirs(NamedTuple):
    """An argument of a peer.

    Attributes:
        argument: its name; in brackets what they have no argument for.
        default: its default.
        ours: the same default as handspun would write it, where that is something else.
    """

    argument: str
    default: Any
    ours: Any = ...

    @property
    def value(self) -> Any:
        """The default as handspun would write it."""
        return self.default if self.ours is ... else self.ours


#: What handspun does without an argument for it, where a peer does something else or has an argument.
FIXED: dict[tuple[str, str], Any] = {
    ("BatchNorm", "(running variance)"): "unbiased",
    ("ClipNorm", "(divisor)"): "norm",
    ("ExponentialMovingAverage", "(first steps)"): "min(decay, (1 + t)/(10 + t))",
    ("GELU", "(form)"): "tanh",
    ("MaxPool2D", "(of equal values)"): "first column",
    ("OneCycle", "(momentum)"): "constant",
    ("OneCycle", "(ramps)"): "cos",
    ("Adagrad", "(first squares)"): 0.0,
    ("Penalty", "(l2 term)"): "l2/2 Σw²",
    ("Warmup", "(first factor)"): "1/steps",
}


def _optimizer(lr: float, keras_lr: float) -> tuple[dict[str, Theirs], dict[str, Theirs]]:
    """What all optimizers of PyTorch and of Keras have."""
    torch = {"learning_rate": Theirs("lr", lr), "weight_decay": Theirs("weight_decay", 0)}
    return torch, {"learning_rate": Theirs("learning_rate", keras_lr), "weight_decay": Theirs("weight_decay", None, 0.0)}


_SGD, _KERAS_SGD = _optimizer(1e-3, 0.01)
_ADAGRAD, _KERAS_ADAGRAD = _optimizer(1e-2, 1e-3)
_RMSPROP, _KERAS_RMSPROP = _optimizer(1e-2, 1e-3)
_ADAM, _KERAS_ADAM = _optimizer(1e-3, 1e-3)
_TORCH_ADAM = _ADAM | {
    "beta1": Theirs("betas[0]", 0.9),
    "beta2": Theirs("betas[1]", 0.999),
    "epsilon": Theirs("eps", 1e-8),
}
_KERAS_ADAM |= {
    "beta1": Theirs("beta_1", 0.9),
    "beta2": Theirs("beta_2", 0.999),
    "epsilon": Theirs("epsilon", 1e-7),
}
_MOMENTUM = {"momentum": Theirs("momentum", 0)}
_CONV = {
    "stride": Theirs("stride", 1),
    "padding": Theirs("padding", 0, "valid"),
    "dilation": Theirs("dilation", 1),
    "groups": Theirs("groups", 1),
    "bias": Theirs("bias", True),
    "initializer": Theirs("(weights)", "U(±1/√fan_in)"),
}
_KERAS_CONV = {
    "stride": Theirs("strides", (1, 1), 1),
    "padding": Theirs("padding", "valid"),
    "dilation": Theirs("dilation_rate", (1, 1), 1),
    "groups": Theirs("groups", 1),
    "bias": Theirs("use_bias", True),
    "initializer": Theirs("kernel_initializer", "glorot_uniform"),
}
_POOL = {"size": Theirs("kernel_size", REQUIRED), "stride": Theirs("stride", None), "padding": Theirs("padding", 0)}


def _keras_pool(size: Any, ours: Any) -> dict[str, Theirs]:
    return {
        "size": Theirs("pool_size", size, ours),
        "stride": Theirs("strides", None),
        "padding": Theirs("padding", "valid", 0),
    }


#: By the name in handspun and by the name of the peer: each argument with theirs.
PEERS: dict[str, dict[str, dict[str, Theirs]]] = {
    "Dense": {
        "torch.nn.Linear": {"bias": Theirs("bias", True), "initializer": _CONV["initializer"]},
        "keras.layers.Dense": {"bias": Theirs("use_bias", True), "initializer": _KERAS_CONV["initializer"]},
    },
    "Conv2D": {"torch.nn.Conv2d": _CONV, "keras.layers.Conv2D": _KERAS_CONV},
    "MaxPool2D": {
        "torch.nn.MaxPool2d": _POOL | {"(of equal values)": Theirs("(of equal values)", "first row")},
        "keras.layers.MaxPooling2D": _keras_pool((2, 2), 2),
    },
    "AvgPool2D": {"torch.nn.AvgPool2d": _POOL, "keras.layers.AveragePooling2D": _keras_pool(REQUIRED, ...)},
    "LeakyReLU": {
        "torch.nn.LeakyReLU": {"slope": Theirs("negative_slope", 0.01)},
        "keras.layers.LeakyReLU": {"slope": Theirs("negative_slope", 0.3)},
    },
    "GELU": {
        "torch.nn.GELU": {"(form)": Theirs("approximate", "none")},
        "keras.activations.gelu": {"(form)": Theirs("approximate", False, "none")},
    },
    "Dropout": {
        "torch.nn.Dropout": {"rate": Theirs("p", 0.5)},
        "keras.layers.Dropout": {"rate": Theirs("rate", REQUIRED)},
    },
    "SpatialDropout": {
        "torch.nn.Dropout2d": {"rate": Theirs("p", 0.5)},
        "keras.layers.SpatialDropout2D": {"rate": Theirs("rate", REQUIRED)},
    },
    "BatchNorm": {
        "torch.nn.BatchNorm2d": {
            "momentum": Theirs("momentum", 0.1),
            "epsilon": Theirs("eps", 1e-5),
            "(running variance)": Theirs("(running variance)", "unbiased"),
        },
        "keras.layers.BatchNormalization": {
            "momentum": Theirs("momentum", 0.99, 0.01),
            "epsilon": Theirs("epsilon", 1e-3),
            "(running variance)": Theirs("(running variance)", "biased"),
        },
    },
    "LayerNorm": {
        "torch.nn.LayerNorm": {"epsilon": Theirs("eps", 1e-5)},
        "keras.layers.LayerNormalization": {"epsilon": Theirs("epsilon", 1e-3)},
    },
    "SoftmaxCrossEntropy": {
        "torch.nn.CrossEntropyLoss": {
            "label_smoothing": Theirs("label_smoothing", 0.0),
            "class_weight": Theirs("weight", None),
        },
        "keras.losses.CategoricalCrossentropy": {
            "label_smoothing": Theirs("label_smoothing", 0.0),
            "class_weight": Theirs("(class_weight of fit)", None),
        },
    },
    "SGD": {"torch.optim.SGD": _SGD, "keras.optimizers.SGD": _KERAS_SGD},
    "Momentum": {"torch.optim.SGD": _SGD | _MOMENTUM, "keras.optimizers.SGD": _KERAS_SGD | _MOMENTUM},
    "Nesterov": {"torch.optim.SGD": _SGD | _MOMENTUM, "keras.optimizers.SGD": _KERAS_SGD | _MOMENTUM},
    "Adagrad": {
        "torch.optim.Adagrad": _ADAGRAD
        | {"epsilon": Theirs("eps", 1e-10), "(first squares)": Theirs("initial_accumulator_value", 0)},
        "keras.optimizers.Adagrad": _KERAS_ADAGRAD
        | {"epsilon": Theirs("epsilon", 1e-7), "(first squares)": Theirs("initial_accumulator_value", 0.1)},
    },
    "RMSprop": {
        "torch.optim.RMSprop": _RMSPROP | {"decay": Theirs("alpha", 0.99), "epsilon": Theirs("eps", 1e-8)},
        "keras.optimizers.RMSprop": _KERAS_RMSPROP | {"decay": Theirs("rho", 0.9), "epsilon": Theirs("epsilon", 1e-7)},
    },
    "Adam": {"torch.optim.Adam": _TORCH_ADAM, "keras.optimizers.Adam": _KERAS_ADAM},
    "AdamW": {
        "torch.optim.AdamW": _TORCH_ADAM | {"weight_decay": Theirs("weight_decay", 0.01)},
        "keras.optimizers.AdamW": _KERAS_ADAM | {"weight_decay": Theirs("weight_decay", 0.004)},
    },
    "Penalty": {
        "keras.regularizers.L1L2": {
            "l1": Theirs("l1", 0.0),
            "l2": Theirs("l2", 0.0),
            "(l2 term)": Theirs("(l2 term)", "l2 Σw²"),
        },
    },
    "ClipNorm": {
        "torch.nn.utils.clip_grad_norm_": {
            "limit": Theirs("max_norm", REQUIRED),
            "(divisor)": Theirs("(divisor)", "norm + 1e-6"),
        },
    },
    "ClipValue": {"torch.nn.utils.clip_grad_value_": {"limit": Theirs("clip_value", REQUIRED)}},
    "InverseTimeDecay": {
        "keras.optimizers.schedules.InverseTimeDecay": {
            "decay": Theirs("decay_rate", REQUIRED),
            "unit": Theirs("decay_steps", REQUIRED),
        },
    },
    "StepDecay": {
        "torch.optim.lr_scheduler.StepLR": {
            "rate": Theirs("gamma", 0.1),
            "every": Theirs("step_size", REQUIRED),
            "unit": Theirs("(call of step())", "epoch"),
        },
    },
    "ExponentialDecay": {
        "torch.optim.lr_scheduler.ExponentialLR": {
            "rate": Theirs("gamma", REQUIRED),
            "unit": Theirs("(call of step())", "epoch"),
        },
        "keras.optimizers.schedules.ExponentialDecay": {
            "rate": Theirs("decay_rate", REQUIRED),
            "unit": Theirs("decay_steps", REQUIRED),
        },
    },
    "Cosine": {
        "torch.optim.lr_scheduler.CosineAnnealingLR": {"final": Theirs("eta_min", 0.0)},
        "keras.optimizers.schedules.CosineDecay": {"final": Theirs("alpha", 0.0)},
    },
    "OneCycle": {
        "torch.optim.lr_scheduler.OneCycleLR": {
            "warmup": Theirs("pct_start", 0.3),
            "initial": Theirs("div_factor", 25.0, 1 / 25),
            "final": Theirs("final_div_factor", 1e4, 1 / 25 / 1e4),
            "(momentum)": Theirs("cycle_momentum", True, "cycled"),
            "(ramps)": Theirs("anneal_strategy", "cos"),
        },
    },
    "Warmup": {
        "torch.optim.lr_scheduler.LinearLR": {
            "steps": Theirs("total_iters", 5),
            "(first factor)": Theirs("start_factor", 1 / 3),
        },
    },
    "ExponentialMovingAverage": {
        "tf.train.ExponentialMovingAverage": {
            "decay": Theirs("decay", REQUIRED),
            "(first steps)": Theirs("num_updates", None, "decay"),
        },
        "torch.optim.swa_utils.get_ema_avg_fn": {
            "decay": Theirs("decay", 0.999),
            "(first steps)": Theirs("(first steps)", "decay"),
        },
        "keras.optimizers.Optimizer": {
            "decay": Theirs("ema_momentum", 0.99),
            "(first steps)": Theirs("(first steps)", "decay"),
        },
    },
    "EarlyStopping": {
        "keras.callbacks.EarlyStopping": {
            "patience": Theirs("patience", 0),
            "monitor": Theirs("monitor", "val_loss", "validation_loss"),
            "restore_best": Theirs("restore_best_weights", False),
        },
    },
    "BestCheckpoint": {
        "keras.callbacks.ModelCheckpoint": {"monitor": Theirs("monitor", "val_loss", "validation_loss")},
    },
    "Orthogonal": {
        "torch.nn.init.orthogonal_": {"gain": Theirs("gain", 1)},
        "keras.initializers.Orthogonal": {"gain": Theirs("gain", 1.0)},
    },
    "ScaledNormal": {
        "torch.nn.init.normal_": {"scale": Theirs("std", 1.0)},
        "keras.initializers.RandomNormal": {"scale": Theirs("stddev", 0.05)},
    },
}

_NO_RATE = "no rate suits all trainings, so it is required"
_PYTORCH = "PyTorch's"
_RECIPES = "He's suits ReLU, the default activation"
_COUNTS = "counts the time in steps or epochs; a decay of r over s steps is r/s here"
_FORGETS = "forgets the random weights of the start sooner; TensorFlow's with num_updates=t"

#: Why a default differs: by the name in handspun, the argument, and the package of the peer.
REASONS: dict[tuple[str, str, str], str] = {
    **{(layer, "initializer", peer): _RECIPES for layer in ("Dense", "Conv2D") for peer in ("torch", "keras")},
    ("MaxPool2D", "size", "torch"): "Keras's",
    ("MaxPool2D", "(of equal values)", "torch"): "the maximum is taken along the rows, then along the columns",
    ("AvgPool2D", "size", "torch"): "the one of MaxPool2D",
    ("AvgPool2D", "size", "keras"): "the one of MaxPool2D",
    ("LeakyReLU", "slope", "keras"): "PyTorch's, and that of Maas et al. 2013",
    ("GELU", "(form)", "torch"): "NumPy has no error function; the two differ by less than 5e-4",
    ("GELU", "(form)", "keras"): "NumPy has no error function; the two differ by less than 5e-4",
    ("Dropout", "rate", "keras"): _PYTORCH,
    ("SpatialDropout", "rate", "keras"): _PYTORCH,
    ("BatchNorm", "momentum", "keras"): "PyTorch's; Keras's is the weight of the old average, 1 - 0.01",
    ("BatchNorm", "epsilon", "keras"): _PYTORCH,
    ("BatchNorm", "(running variance)", "keras"): _PYTORCH,
    ("LayerNorm", "epsilon", "keras"): _PYTORCH,
    **{
        (name, "learning_rate", peer): _NO_RATE
        for name in ("SGD", "Momentum", "Nesterov", "Adagrad", "RMSprop")
        for peer in ("torch", "keras")
    },
    **{
        (name, "momentum", peer): "SGD is a class of its own here; 0.9 is the usual value"
        for name in ("Momentum", "Nesterov")
        for peer in ("torch", "keras")
    },
    **{(name, "epsilon", "keras"): _PYTORCH for name in ("Adagrad", "RMSprop", "Adam", "AdamW")},
    ("Adagrad", "(first squares)", "keras"): _PYTORCH,
    ("RMSprop", "decay", "keras"): "PyTorch's; Tieleman and Hinton have 0.9",
    ("AdamW", "weight_decay", "keras"): _PYTORCH,
    ("Penalty", "(l2 term)", "keras"): "the gradient is l2·w, as with PyTorch's weight_decay",
    ("ClipNorm", "(divisor)", "torch"): "a clipped gradient has exactly the requested norm, and nothing is divided by 0",
    ("InverseTimeDecay", "unit", "keras"): _COUNTS,
    ("StepDecay", "rate", "torch"): "handspun's own: a half every ten epochs",
    ("StepDecay", "every", "torch"): "handspun's own: a half every ten epochs",
    ("ExponentialDecay", "rate", "torch"): "handspun's own: 5 % less an epoch",
    ("ExponentialDecay", "rate", "keras"): "handspun's own: 5 % less an epoch",
    ("ExponentialDecay", "unit", "keras"): "counts the time in steps or epochs; PyTorch's schedulers count epochs",
    ("OneCycle", "final", "torch"): "relative to the highest rate; PyTorch's 1e4 is relative to the initial one",
    ("OneCycle", "(momentum)", "torch"): "a schedule here changes the learning rate only",
    ("Warmup", "steps", "torch"): "depends on the batch size and the optimizer, so it is asked for",
    ("Warmup", "(first factor)", "torch"): "rises by 1/steps a step, and step number `steps` is the first with the full rate",
    ("ExponentialMovingAverage", "decay", "tf"): _PYTORCH,
    ("ExponentialMovingAverage", "decay", "keras"): _PYTORCH,
    **{("ExponentialMovingAverage", "(first steps)", peer): _FORGETS for peer in ("tf", "torch", "keras")},
    ("EarlyStopping", "patience", "keras"): "the loss of one epoch is noisy; Keras stops after one that is no better",
    ("EarlyStopping", "restore_best", "keras"): "training continues past the best epoch, so the best weights are restored",
    ("ScaledNormal", "scale", "torch"): "handspun's own",
    ("ScaledNormal", "scale", "keras"): "handspun's own",
}
