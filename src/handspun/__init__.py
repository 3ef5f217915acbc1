"""handspun: neural networks spun by hand in NumPy, made real.

The names below are the public ones. Each is loaded from its module when it is first used, so that a program which only
predicts does not wait for what only training needs; nothing but NumPy is ever loaded with them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from handspun.architectures import cnn, mlp
    from handspun.augment import Augmentation
    from handspun.averaging import ExponentialMovingAverage
    from handspun.calibration import fit_confidence
    from handspun.clipping import ClipNorm, ClipValue
    from handspun.confidence import Answers, Confidence
    from handspun.contract import Contract
    from handspun.data import Dataset, Split, load_dataset
    from handspun.data.splits import hold_out, k_fold, pool
    from handspun.errors import (
        DataError,
        DivergenceError,
        DownloadError,
        HandspunError,
        MissingExtraError,
        ModelFileError,
        OutputError,
        UsageError,
    )
    from handspun.evaluation import Evaluation, evaluate
    from handspun.gradcheck import GradientReport, check_gradients
    from handspun.initializers import (
        GlorotNormal,
        GlorotUniform,
        HeNormal,
        HeUniform,
        Initializer,
        LeCunNormal,
        LeCunUniform,
        Orthogonal,
        ScaledNormal,
        Zeros,
    )
    from handspun.layers import (
        GELU,
        AvgPool2D,
        BatchNorm,
        Conv2D,
        Dense,
        Dropout,
        Flatten,
        GlobalAvgPool,
        Layer,
        LayerNorm,
        LeakyReLU,
        MaxPool2D,
        ReLU,
        Residual,
        Sigmoid,
        SiLU,
        SpatialDropout,
        Tanh,
    )
    from handspun.losses import Loss, MeanSquaredError, SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy, softmax
    from handspun.metrics import accuracy, class_scores, confusion_matrix, mcnemar, wilson_interval
    from handspun.modelfile import load, save
    from handspun.network import Sequential
    from handspun.optimizers import SGD, Adagrad, Adam, AdamW, Momentum, Nesterov, Optimizer, RMSprop
    from handspun.penalties import Penalty
    from handspun.pretrained import load_pretrained
    from handspun.registration import register
    from handspun.schedules import (
        Constant,
        Cosine,
        ExponentialDecay,
        InverseTimeDecay,
        OneCycle,
        Schedule,
        StepDecay,
        Warmup,
    )
    from handspun.training import (
        BestCheckpoint,
        Callback,
        CSVLog,
        Deadline,
        EarlyStopping,
        History,
        JSONLinesLog,
        TensorBoardLog,
        fit,
    )
    from handspun.views import mean_over_views

__version__ = "0.1.0"

_HOMES = {
    "handspun.architectures": (
        "cnn",
        "mlp",
    ),
    "handspun.augment": ("Augmentation",),
    "handspun.averaging": ("ExponentialMovingAverage",),
    "handspun.calibration": ("fit_confidence",),
    "handspun.clipping": (
        "ClipNorm",
        "ClipValue",
    ),
    "handspun.confidence": (
        "Answers",
        "Confidence",
    ),
    "handspun.contract": ("Contract",),
    "handspun.data": (
        "Dataset",
        "Split",
        "load_dataset",
    ),
    "handspun.data.splits": (
        "hold_out",
        "k_fold",
        "pool",
    ),
    "handspun.errors": (
        "DataError",
        "DivergenceError",
        "DownloadError",
        "HandspunError",
        "MissingExtraError",
        "ModelFileError",
        "OutputError",
        "UsageError",
    ),
    "handspun.evaluation": (
        "Evaluation",
        "evaluate",
    ),
    "handspun.gradcheck": (
        "GradientReport",
        "check_gradients",
    ),
    "handspun.initializers": (
        "GlorotNormal",
        "GlorotUniform",
        "HeNormal",
        "HeUniform",
        "Initializer",
        "LeCunNormal",
        "LeCunUniform",
        "Orthogonal",
        "ScaledNormal",
        "Zeros",
    ),
    "handspun.layers": (
        "GELU",
        "AvgPool2D",
        "BatchNorm",
        "Conv2D",
        "Dense",
        "Dropout",
        "Flatten",
        "GlobalAvgPool",
        "Layer",
        "LayerNorm",
        "LeakyReLU",
        "MaxPool2D",
        "ReLU",
        "Residual",
        "SiLU",
        "Sigmoid",
        "SpatialDropout",
        "Tanh",
    ),
    "handspun.losses": (
        "Loss",
        "MeanSquaredError",
        "SigmoidBinaryCrossEntropy",
        "SoftmaxCrossEntropy",
        "softmax",
    ),
    "handspun.metrics": (
        "accuracy",
        "class_scores",
        "confusion_matrix",
        "mcnemar",
        "wilson_interval",
    ),
    "handspun.modelfile": (
        "load",
        "save",
    ),
    "handspun.network": ("Sequential",),
    "handspun.optimizers": (
        "SGD",
        "Adagrad",
        "Adam",
        "AdamW",
        "Momentum",
        "Nesterov",
        "Optimizer",
        "RMSprop",
    ),
    "handspun.penalties": ("Penalty",),
    "handspun.pretrained": ("load_pretrained",),
    "handspun.registration": ("register",),
    "handspun.schedules": (
        "Constant",
        "Cosine",
        "ExponentialDecay",
        "InverseTimeDecay",
        "OneCycle",
        "Schedule",
        "StepDecay",
        "Warmup",
    ),
    "handspun.training": (
        "BestCheckpoint",
        "Callback",
        "CSVLog",
        "Deadline",
        "EarlyStopping",
        "History",
        "JSONLinesLog",
        "TensorBoardLog",
        "fit",
    ),
    "handspun.views": ("mean_over_views",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load a public name from its module (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'handspun' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "GELU",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Answers",
    "Augmentation",
    "AvgPool2D",
    "BatchNorm",
    "BestCheckpoint",
    "CSVLog",
    "Callback",
    "ClipNorm",
    "ClipValue",
    "Confidence",
    "Constant",
    "Contract",
    "Conv2D",
    "Cosine",
    "DataError",
    "Dataset",
    "Deadline",
    "Dense",
    "DivergenceError",
    "DownloadError",
    "Dropout",
    "EarlyStopping",
    "Evaluation",
    "ExponentialDecay",
    "ExponentialMovingAverage",
    "Flatten",
    "GlobalAvgPool",
    "GlorotNormal",
    "GlorotUniform",
    "GradientReport",
    "HandspunError",
    "HeNormal",
    "HeUniform",
    "History",
    "Initializer",
    "InverseTimeDecay",
    "JSONLinesLog",
    "Layer",
    "LayerNorm",
    "LeCunNormal",
    "LeCunUniform",
    "LeakyReLU",
    "Loss",
    "MaxPool2D",
    "MeanSquaredError",
    "MissingExtraError",
    "ModelFileError",
    "Momentum",
    "Nesterov",
    "OneCycle",
    "Optimizer",
    "Orthogonal",
    "OutputError",
    "Penalty",
    "RMSprop",
    "ReLU",
    "Residual",
    "ScaledNormal",
    "Schedule",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SigmoidBinaryCrossEntropy",
    "SoftmaxCrossEntropy",
    "SpatialDropout",
    "Split",
    "StepDecay",
    "Tanh",
    "TensorBoardLog",
    "UsageError",
    "Warmup",
    "Zeros",
    "__version__",
    "accuracy",
    "check_gradients",
    "class_scores",
    "cnn",
    "confusion_matrix",
    "evaluate",
    "fit",
    "fit_confidence",
    "hold_out",
    "k_fold",
    "load",
    "load_dataset",
    "load_pretrained",
    "mcnemar",
    "mean_over_views",
    "mlp",
    "pool",
    "register",
    "save",
    "softmax",
    "wilson_interval",
]
