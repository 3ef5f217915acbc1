"""The public names, for type checkers and editors: ``__init__.py`` loads each when it is first used."""

from handspun.augment import Augmentation as Augmentation
from handspun.augment.views import mean_over_views as mean_over_views
from handspun.confidence.calibration import fit_confidence as fit_confidence
from handspun.data import Dataset as Dataset, Split as Split, load_dataset as load_dataset
from handspun.data.splits import hold_out as hold_out, k_fold as k_fold, pool as pool
from handspun.errors import (
    DataError as DataError,
    DivergenceError as DivergenceError,
    DownloadError as DownloadError,
    HandspunError as HandspunError,
    MissingExtraError as MissingExtraError,
    ModelFileError as ModelFileError,
    OutputError as OutputError,
    UsageError as UsageError,
)
from handspun.evaluation.evaluate import Evaluation as Evaluation, evaluate as evaluate
from handspun.evaluation.metrics import (
    accuracy as accuracy,
    class_scores as class_scores,
    confusion_matrix as confusion_matrix,
    mcnemar as mcnemar,
    wilson_interval as wilson_interval,
)
from handspun.layers import (
    GELU as GELU,
    AvgPool2D as AvgPool2D,
    BatchNorm as BatchNorm,
    Conv2D as Conv2D,
    Dense as Dense,
    Dropout as Dropout,
    Flatten as Flatten,
    GlobalAvgPool as GlobalAvgPool,
    Layer as Layer,
    LayerNorm as LayerNorm,
    LeakyReLU as LeakyReLU,
    MaxPool2D as MaxPool2D,
    ReLU as ReLU,
    Residual as Residual,
    Sigmoid as Sigmoid,
    SiLU as SiLU,
    SpatialDropout as SpatialDropout,
    Tanh as Tanh,
)
from handspun.layers.initializers import (
    GlorotNormal as GlorotNormal,
    GlorotUniform as GlorotUniform,
    HeNormal as HeNormal,
    HeUniform as HeUniform,
    Initializer as Initializer,
    LeCunNormal as LeCunNormal,
    LeCunUniform as LeCunUniform,
    Orthogonal as Orthogonal,
    ScaledNormal as ScaledNormal,
    Zeros as Zeros,
)
from handspun.layers.registration import register as register
from handspun.networks.answers import Answers as Answers, Confidence as Confidence
from handspun.networks.architectures import cnn as cnn, mlp as mlp
from handspun.networks.gradcheck import GradientReport as GradientReport, check_gradients as check_gradients
from handspun.networks.modelfile import load as load, save as save
from handspun.networks.sequential import Sequential as Sequential
from handspun.optimization.averaging import ExponentialMovingAverage as ExponentialMovingAverage
from handspun.optimization.clipping import ClipNorm as ClipNorm, ClipValue as ClipValue
from handspun.optimization.losses import (
    Loss as Loss,
    MeanSquaredError as MeanSquaredError,
    SigmoidBinaryCrossEntropy as SigmoidBinaryCrossEntropy,
    SoftmaxCrossEntropy as SoftmaxCrossEntropy,
    softmax as softmax,
)
from handspun.optimization.optimizers import (
    SGD as SGD,
    Adagrad as Adagrad,
    Adam as Adam,
    AdamW as AdamW,
    Momentum as Momentum,
    Nesterov as Nesterov,
    Optimizer as Optimizer,
    RMSprop as RMSprop,
)
from handspun.optimization.penalties import Penalty as Penalty
from handspun.optimization.schedules import (
    Constant as Constant,
    Cosine as Cosine,
    ExponentialDecay as ExponentialDecay,
    InverseTimeDecay as InverseTimeDecay,
    OneCycle as OneCycle,
    Schedule as Schedule,
    StepDecay as StepDecay,
    Warmup as Warmup,
)
from handspun.pictures.contract import Contract as Contract
from handspun.pretrained import load_pretrained as load_pretrained
from handspun.training import (
    BestCheckpoint as BestCheckpoint,
    Callback as Callback,
    CSVLog as CSVLog,
    Deadline as Deadline,
    EarlyStopping as EarlyStopping,
    History as History,
    JSONLinesLog as JSONLinesLog,
    TensorBoardLog as TensorBoardLog,
    fit as fit,
)

__version__: str
