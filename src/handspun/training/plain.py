"""Mini-batch training as in a textbook.

``handspun.fit`` is this loop with practical additions, which its docstring lists. In a single process, and with batches that
need not be cut into micro-batches (up to 512 inputs, or 32 with convolutions), both give the same bytes.
"""

from __future__ import annotations

from handspun.data.dataset import Split
from handspun.engine.threads import blas_threads
from handspun.networks.sequential import Sequential
from handspun.optimization.losses import Loss, SoftmaxCrossEntropy
from handspun.optimization.optimizers import Adam, Optimizer
from handspun.pictures import inputs
from handspun.training.state import order_generator
from handspun.training.step import noise


def fit(
    network: Sequential,
    train: Split,
    *,
    epochs: int = 5,
    batch_size: int = 64,
    loss: Loss | None = None,
    optimizer: Optimizer | None = None,
    seed: int = 0,
) -> list[float]:
    """Train ``network`` in place; returns the mean loss of each epoch. Arguments are as for ``handspun.fit``."""
    loss, optimizer = loss or SoftmaxCrossEntropy(), optimizer or Adam()
    targets = loss.prepare_targets(train.labels, (len(train.images), *network.output_shape), network.dtype)
    orders = order_generator(seed)
    optimizer.start(network.parameters.vector, network.decayed)
    tape = network.tape(training=True)
    losses = []
    with blas_threads(1):
        for _ in range(epochs):
            order = orders.permutation(len(targets))  # shuffle
            total = 0.0
            for start in range(0, len(targets), batch_size):
                batch = order[start : start + batch_size]  # the indices of the next images
                x = inputs.convert(train.images[batch], out=network.batch(len(batch)))  # pixels 0…255 to 0…1
                tape.draw_from(lambda: noise(seed, optimizer.steps, 0))  # for dropout
                outputs = network.forward(x, tape)
                value, d_outputs = loss.weighted_mean(outputs, targets[batch])  # mean loss, and ∂loss/∂outputs
                network.backward(d_outputs, tape)  # leaves ∂loss/∂θ in tape.gradient
                network.update_statistics(tape.statistics)  # running averages of batch normalisation
                optimizer.step(network.parameters.vector, tape.gradient.vector)  # θ ← θ - η …
                total += value * len(batch)
            losses.append(total / len(targets))
    return losses
