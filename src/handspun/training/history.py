"""What happened in each epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

Record = dict[str, float]

#: The columns in the order in which they are written; validation columns only where there is validation.
COLUMNS = (
    "epoch",
    "loss",
    "accuracy",
    "validation_loss",
    "validation_accuracy",
    "learning_rate",
    "gradient_norm",
    "images_per_second",
    "seconds",
)


class History(Mapping[str, list[float]]):
    """One record an epoch; ``history["loss"]`` is the column as a list.

    Columns: ``epoch`` (from 1); ``loss`` and ``accuracy``, means over the batches of the epoch as they were trained on
    (accuracy from 0 to 1, for integer targets only), the loss with the penalty where there is one; ``validation_loss``,
    without it, and ``validation_accuracy`` after the epoch; ``learning_rate`` of the epoch's last step; ``gradient_norm``,
    the mean Euclidean norm before clipping; ``images_per_second`` of training alone; ``seconds``, the time of the epoch with
    its validation.
    """

    def __init__(self, records: list[Record] | None = None) -> None:
        self.records: list[Record] = records if records is not None else []

    def append(self, record: Record) -> None:
        """Add the record of one epoch."""
        self.records.append(record)

    @property
    def columns(self) -> list[str]:
        """The names of the columns that have values."""
        present = {name for record in self.records for name in record}
        return [name for name in COLUMNS if name in present]

    def __getitem__(self, column: str) -> list[float]:
        if column not in self.columns:
            raise KeyError(column)
        return [record.get(column, float("nan")) for record in self.records]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def __repr__(self) -> str:
        last = self.records[-1] if self.records else {}
        return f"History({len(self.records)} epochs; last: {last})"
