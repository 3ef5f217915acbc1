"""The loop of tutorials: float64, a new array for every result, nothing prepared.

It shows what handspun's reused buffers and flat vectors gain, so it stays as simple as in tutorials.
"""

from __future__ import annotations

import itertools

import numpy as np


class TextbookNetwork:
    """784-128-64-10 or the like with ReLU, softmax and cross-entropy.

    Args:
        sizes: units of each layer, the input first.
        rng: draws the weights (He et al. 2015) and the orders of the images.
    """

    def __init__(self, sizes: list[int], rng: np.random.Generator) -> None:
        self.rng = rng
        self.weights = [rng.normal(0.0, np.sqrt(2.0 / m), (m, n)) for m, n in itertools.pairwise(sizes)]
        self.biases = [np.zeros(n) for n in sizes[1:]]
        self.moments: list[tuple[np.ndarray, np.ndarray]] = []
        self.steps = 0

    def forward(self, x: np.ndarray) -> list[np.ndarray]:
        """The activations of all layers for x (N, in): the input first, the probabilities last."""
        activations = [x]
        for w, b in zip(self.weights[:-1], self.biases[:-1], strict=True):
            activations.append(np.maximum(0.0, activations[-1] @ w + b))
        z = activations[-1] @ self.weights[-1] + self.biases[-1]  # (N, C)
        e = np.exp(z - z.max(axis=1, keepdims=True))
        activations.append(e / e.sum(axis=1, keepdims=True))
        return activations

    def backward(self, activations: list[np.ndarray], one_hot: np.ndarray) -> list[np.ndarray]:
        """The gradients with respect to weight and bias of each layer, from the first layer to the last."""
        delta = (activations[-1] - one_hot) / len(one_hot)  # (N, C)
        gradients: list[np.ndarray] = []
        for layer in reversed(range(len(self.weights))):
            gradients = [activations[layer].T @ delta, delta.sum(axis=0), *gradients]
            if layer:
                delta = (delta @ self.weights[layer].T) * (activations[layer] > 0.0)
        return gradients

    def epoch(self, images: np.ndarray, one_hot: np.ndarray, batch_size: int, optimizer: str, learning_rate: float) -> None:
        """Train one epoch on images (N, in) float64 with labels (N, C), in random order."""
        order = self.rng.permutation(len(images))
        for start in range(0, len(images), batch_size):
            batch = order[start : start + batch_size]
            gradients = self.backward(self.forward(images[batch]), one_hot[batch])
            if optimizer == "adam":
                self.adam(gradients, learning_rate)
            else:
                self.sgd(gradients, learning_rate)

    def sgd(self, gradients: list[np.ndarray], learning_rate: float) -> None:
        """One step of gradient descent."""
        for parameter, gradient in zip(self.parameters(), gradients, strict=True):
            parameter -= learning_rate * gradient

    def adam(self, gradients: list[np.ndarray], learning_rate: float) -> None:
        """One step of Adam (Kingma and Ba 2015)."""
        self.moments = self.moments or [(np.zeros_like(g), np.zeros_like(g)) for g in gradients]
        self.steps += 1
        for i, (parameter, gradient) in enumerate(zip(self.parameters(), gradients, strict=True)):
            m, v = self.moments[i]
            m = 0.9 * m + 0.1 * gradient
            v = 0.999 * v + 0.001 * gradient**2
            self.moments[i] = (m, v)
            m_hat = m / (1.0 - 0.9**self.steps)
            v_hat = v / (1.0 - 0.999**self.steps)
            parameter -= learning_rate * m_hat / (np.sqrt(v_hat) + 1e-8)

    def parameters(self) -> list[np.ndarray]:
        """Weight and bias of each layer, from the first layer to the last."""
        return [array for pair in zip(self.weights, self.biases, strict=True) for array in pair]

    def accuracy(self, images: np.ndarray, labels: np.ndarray) -> float:
        """The share of images (N, in) whose most probable class is the label (N,)."""
        return float(np.mean(self.forward(images)[-1].argmax(axis=1) == labels))
