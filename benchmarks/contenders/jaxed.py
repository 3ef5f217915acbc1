"""JAX: the step compiled, or the whole epoch."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.contenders.base import HIDDEN, Contender, Job
from benchmarks.data import CLASSES, PIXELS, as_floats

State = dict[str, Any]


class JaxStep(Contender):
    """One compiled function per step; it gathers the batch from images (N, 784) float32 and updates in place (donated)."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, job: Job) -> None:
        self.job = job
        self.images = jnp.asarray(as_floats(images, np.float32))
        self.labels = jnp.asarray(labels.astype(np.int32))
        self.rng = np.random.default_rng(job.seed)
        self.state = initial_state(self.rng)
        bound = functools.partial(step, optimizer=job.optimizer, learning_rate=job.learning_rate)
        self.step = jax.jit(bound, donate_argnums=0)

    def train(self, epochs: int) -> None:
        for _ in range(epochs):
            order = self.rng.permutation(len(self.images)).astype(np.int32)
            for start in range(0, len(order), self.job.batch_size):
                indices = order[start : start + self.job.batch_size]
                self.state = self.step(self.state, self.images, self.labels, indices)
        jax.block_until_ready(self.state)

    def accuracy(self) -> float:
        predicted = logits(self.state["parameters"], self.images).argmax(axis=1)
        return float(jnp.mean(predicted == self.labels))


class JaxScan(JaxStep):
    """All full batches of an epoch in one compiled ``lax.scan``, then one step for the rest."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, job: Job) -> None:
        super().__init__(images, labels, job)

        def scan(state: State, images: jax.Array, labels: jax.Array, batches: jax.Array) -> State:
            def body(state: State, indices: jax.Array) -> tuple[State, None]:
                return step(state, images, labels, indices, job.optimizer, job.learning_rate), None

            return jax.lax.scan(body, state, batches)[0]

        self.scan = jax.jit(scan, donate_argnums=0)

    def train(self, epochs: int) -> None:
        size = self.job.batch_size
        for _ in range(epochs):
            order = self.rng.permutation(len(self.images)).astype(np.int32)
            whole = len(order) - len(order) % size
            self.state = self.scan(self.state, self.images, self.labels, order[:whole].reshape(-1, size))
            if whole < len(order):
                self.state = self.step(self.state, self.images, self.labels, order[whole:])
        jax.block_until_ready(self.state)


def initial_state(rng: np.random.Generator) -> State:
    """He-initialised weights, biases, two moments and the step count."""
    sizes = [PIXELS, *HIDDEN, CLASSES]
    parameters = [
        (jnp.asarray(rng.normal(0.0, np.sqrt(2.0 / m), (m, n)), jnp.float32), jnp.zeros(n))
        for m, n in itertools.pairwise(sizes)
    ]
    zeros = functools.partial(jax.tree.map, jnp.zeros_like)
    return {"parameters": parameters, "m": zeros(parameters), "v": zeros(parameters), "steps": jnp.zeros((), jnp.float32)}


def logits(parameters: list[tuple[jax.Array, jax.Array]], x: jax.Array) -> jax.Array:
    """The outputs (N, 10) for x (N, 784)."""
    for w, b in parameters[:-1]:
        x = jax.nn.relu(x @ w + b)
    w, b = parameters[-1]
    return x @ w + b


def loss(parameters: list[tuple[jax.Array, jax.Array]], x: jax.Array, y: jax.Array) -> jax.Array:
    """The mean cross-entropy of x (N, 784) and classes y (N,)."""
    log_p = jax.nn.log_softmax(logits(parameters, x))
    return -jnp.mean(jnp.take_along_axis(log_p, y[:, None], axis=1))


def step(state: State, images: jax.Array, labels: jax.Array, indices: jax.Array, optimizer: str, learning_rate: float) -> State:
    """The state after one step with the images at ``indices``."""
    gradient = jax.grad(loss)(state["parameters"], images[indices], labels[indices])
    if optimizer == "sgd":
        return state | {"parameters": jax.tree.map(lambda p, g: p - learning_rate * g, state["parameters"], gradient)}
    steps = state["steps"] + 1.0
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, state["m"], gradient)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, state["v"], gradient)
    a, c = learning_rate / (1.0 - 0.9**steps), 1.0 / (1.0 - 0.999**steps)
    parameters = jax.tree.map(lambda p, m, v: p - a * m / (jnp.sqrt(c * v) + 1e-8), state["parameters"], m, v)
    return {"parameters": parameters, "m": m, "v": v, "steps": steps}
