"""handspun: neural networks spun by hand in NumPy, made real.

Importing it loads NumPy and nothing else. The names below are the public ones.
"""

from handspun.averaging import ExponentialMovingAverage
from handspun.clipping import ClipNorm, ClipValue
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
    BatchNorm,
    Dense,
    Dropout,
    Flatten,
    Layer,
    LayerNorm,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Tanh,
)
from handspun.losses import Loss, MeanSquaredError, SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy, softmax
from handspun.metrics import accuracy, class_scores, confusion_matrix, mcnemar, wilson_interval
from handspun.modelfile import load, save
from handspun.network import Sequential, mlp
from handspun.optimizers import SGD, Adagrad, Adam, AdamW, Momentum, Nesterov, Optimizer, RMSprop
from handspun.penalties import Penalty
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

__version__ = "0.1.0"

__all__ = [
    "GELU",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "BatchNorm",
    "BestCheckpoint",
    "CSVLog",
    "Callback",
    "ClipNorm",
    "ClipValue",
    "Constant",
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
    "ScaledNormal",
    "Schedule",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SigmoidBinaryCrossEntropy",
    "SoftmaxCrossEntropy",
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
    "confusion_matrix",
    "evaluate",
    "fit",
    "hold_out",
    "k_fold",
    "load",
    "load_dataset",
    "mcnemar",
    "mlp",
    "pool",
    "save",
    "softmax",
    "wilson_interval",
]
