"""Training: the loop, callbacks that watch it, and checkpoints.

It knows networks, losses and optimizers, but not where images come from. Begin with ``plain.py``, the loop as in a textbook,
then ``fit.py``, ``trainer.py`` and ``step.py``.
"""

from handspun.training.callback import Callback, Training
from handspun.training.callbacks import BestCheckpoint, Deadline, EarlyStopping
from handspun.training.fit import fit
from handspun.training.history import History
from handspun.training.logs import CSVLog, JSONLinesLog, TensorBoardLog
from handspun.training.progress import Progress
from handspun.training.trainer import Trainer

__all__ = [
    "BestCheckpoint",
    "CSVLog",
    "Callback",
    "Deadline",
    "EarlyStopping",
    "History",
    "JSONLinesLog",
    "Progress",
    "TensorBoardLog",
    "Trainer",
    "Training",
    "fit",
]
