"""What happened in each epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

Record = dict[str, float]

#: The columns in the order of tables and logs; validation columns only if there is validation.
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

#: How the values of a column are printed.
_FORMS = {"epoch": ".0f", "learning_rate": ".3g", "gradient_norm": ".3g", "images_per_second": ",.0f", "seconds": ".2f"}

#: How many epochs ``print`` shows; it leaves out the middle of longer histories.
_SHOWN = 20


class History(Mapping[str, list[float]]):
    """One record for each epoch. ``history["loss"]`` is a column as a list, and ``print(history)`` shows a table.

    Columns: ``epoch``, from 1; ``loss`` and ``accuracy``, means over the training images as each batch was trained (the loss
    includes the penalty; accuracy is from 0 to 1, for integer targets only); ``validation_loss`` (without the penalty) and
    ``validation_accuracy``, after the epoch; ``learning_rate``, that of the epoch's last step; ``gradient_norm``, the mean
    Euclidean norm before clipping; ``images_per_second``, without validation; ``seconds``, the time of the epoch with
    validation.
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
        if not self.records:
            return "History of no epochs"
        last = self.records[-1]
        names = [name for name in ("loss", "accuracy", "validation_loss", "validation_accuracy") if name in last]
        said = ", ".join(f"{name.replace('_', ' ')} {_text(name, last[name])}" for name in names)
        return f"History of {len(self.records)} epoch{'s' if len(self.records) > 1 else ''}, the last with {said}"

    def __str__(self) -> str:
        """A table with one line per epoch."""
        if not self.records:
            return repr(self)
        rows = [[name.replace("_", " ") for name in self.columns]]
        rows += [[_text(name, record.get(name)) for name in self.columns] for record in self.records]
        if len(self.records) > _SHOWN:
            rows[1 + _SHOWN // 2 : -_SHOWN // 2] = [["…"] * len(self.columns)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)

    def _repr_html_(self) -> str:
        """The curves of loss and accuracy, as notebooks show them."""
        from handspun.training.curves import curves  # for notebooks only

        return curves(self)


def _text(column: str, value: float | None) -> str:
    """A value as ``print`` shows it."""
    if value is None:
        return ""
    return f"{100 * value:.2f} %" if column.endswith("accuracy") else format(value, _FORMS.get(column, ".4f"))
