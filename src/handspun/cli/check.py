"""``handspun check``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from handspun.cli.console import out, print_json
from handspun.cli.model_choice import open_model
from handspun.cli.options import JsonOption, argument, option
from handspun.cli.tables import table
from handspun.cli.values import whole_numbers
from handspun.data import load_dataset
from handspun.errors import UsageError
from handspun.networks.gradcheck import check_gradients
from handspun.optimization.losses import LOSSES, loss_by_name
from handspun.recipes.settings import Settings


def check(
    model: Annotated[Path | None, argument("A model file, run folder or included model; else a new network.", "MODEL")] = None,
    data: Annotated[str, option("The dataset that the batch is taken from.")] = "mnist-5k",
    hidden: Annotated[str, option("Units of the hidden layers of a new network.")] = "128,64",
    activation: Annotated[str, option("Activation of a new network.")] = "relu",
    norm: Annotated[str | None, option("Norm of a new network: batch or layer.")] = None,
    loss: Annotated[str, option(f"{', '.join(LOSSES)}.")] = "softmax-cross-entropy",
    batch_size: Annotated[int, option("Images in the batch.", min=1)] = 16,
    elements: Annotated[int, option("Elements to check in each array.", min=1)] = 30,
    tolerance: Annotated[float, option("The largest relative error that counts as right.")] = 1e-6,
    seed: Annotated[int, option("Seed of the new network and of the choice of elements.")] = 0,
    json: JsonOption = False,
) -> None:
    """Compare the hand-written gradients with finite differences of the loss, in float64.

    Example: handspun check --hidden 32,32 --activation gelu --norm layer
    """
    if not tolerance > 0:
        raise UsageError(f"--tolerance must be above 0, got {tolerance}.")
    train = load_dataset(data).train
    images, labels = train.images[:batch_size], train.labels
    assert labels is not None
    if model is None:
        classes = tuple(str(i) for i in range(int(labels.max()) + 1))
        settings = Settings(hidden=whole_numbers("--hidden", hidden), activation=activation, norm=norm, seed=seed)
        network = settings.network(images.shape[1:], classes)
    else:
        network, _ = open_model(model)
    report = check_gradients(
        network, images, labels[:batch_size], loss_by_name(loss), elements=elements, tolerance=tolerance, seed=seed
    )
    if json:
        print_json({name: getattr(report, name) for name in ("passed", "worst", "tolerance", "directional", "elementwise")})
    else:
        rows = table("gradient with respect to", "elements checked", "largest relative error")
        for name, error in report.elementwise.items():
            rows.add_row(name, f"{report.checked[name]:,}", f"{error:.1e}")
        rows.add_row("all, along random directions", "", f"{report.directional:.1e}")
        out.print(rows)
        verdict = "right" if report.passed else "WRONG"
        out.print(f"\nThe gradients are {verdict}: the largest error is {report.worst:.1e}, the tolerance {tolerance:.0e}.")
    if not report.passed:
        raise typer.Exit(1)
