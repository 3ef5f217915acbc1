"""handspun: neural networks spun by hand in NumPy, made real.

The public names are those of ``_HOMES``. Each is loaded from its module when it is first used, so that a program that only
predicts does not wait for what only training needs. Nothing but NumPy is ever loaded with them. ``__init__.pyi`` tells type
checkers and editors the same names.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

#: The public names by the module that defines them.
_HOMES = {
    "networks.architectures": "cnn mlp",
    "augment": "Augmentation",
    "optimization.averaging": "ExponentialMovingAverage",
    "confidence.calibration": "fit_confidence",
    "optimization.clipping": "ClipNorm ClipValue",
    "networks.answers": "Answers Confidence",
    "pictures.contract": "Contract",
    "data": "Dataset Split load_dataset",
    "data.splits": "hold_out k_fold pool",
    "errors": "DataError DivergenceError DownloadError HandspunError MissingExtraError ModelFileError OutputError UsageError",
    "evaluation.evaluate": "Evaluation evaluate",
    "networks.gradcheck": "GradientReport check_gradients",
    "layers.initializers": "GlorotNormal GlorotUniform HeNormal HeUniform Initializer LeCunNormal LeCunUniform Orthogonal "
    "ScaledNormal Zeros",
    "layers": "AvgPool2D BatchNorm Conv2D Dense Dropout Flatten GELU GlobalAvgPool Layer LayerNorm LeakyReLU MaxPool2D ReLU "
    "Residual SiLU Sigmoid SpatialDropout Tanh",
    "optimization.losses": "Loss MeanSquaredError SigmoidBinaryCrossEntropy SoftmaxCrossEntropy softmax",
    "evaluation.metrics": "accuracy class_scores confusion_matrix mcnemar wilson_interval",
    "networks.modelfile": "load save",
    "networks.sequential": "Sequential",
    "optimization.optimizers": "SGD Adagrad Adam AdamW Momentum Nesterov Optimizer RMSprop",
    "optimization.penalties": "Penalty",
    "pretrained": "load_pretrained",
    "layers.registration": "register",
    "optimization.schedules": "Constant Cosine ExponentialDecay InverseTimeDecay OneCycle Schedule StepDecay Warmup",
    "training": "BestCheckpoint Callback CSVLog Deadline EarlyStopping History JSONLinesLog TensorBoardLog fit",
    "augment.views": "mean_over_views",
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = sorted(("__version__", *_HOME_OF))  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    """Load a public name from its module (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'handspun' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"handspun.{_HOME_OF[name]}"), name)
    return value


def __dir__() -> list[str]:
    return __all__
