"""The mean of each channel."""

import numpy as np

from handspun.engine.memory import by_images, by_rows
from handspun.engine.parameters import Shape
from handspun.engine.tape import Tape
from handspun.layers.base import Layer
from handspun.layers.sums import sum_type
from handspun.layers.windows import picture_shape


class GlobalAvgPool(Layer):
    """y_c = Σ_h,w x_c,h,w / (H · W): each channel of a picture becomes one value. Lin, Chen and Yan 2014, arXiv:1312.4400.

    x (N, C, H, W), y (N, C). Each value of a channel has the derivative 1/(H · W).
    """

    works_on_pictures = True

    def output_shape(self, input_shape: Shape) -> Shape:
        channels, _, _ = picture_shape(self, input_shape)
        return (channels,)

    def forward(self, x: np.ndarray, tape: Tape) -> np.ndarray:
        precise = sum_type(x, few=64)  # the output is nothing but this sum
        x = by_rows(x)  # (H, C, W, N)
        y = np.add.reduce(x, axis=(0, 2), dtype=precise)  # (C, N)
        y *= 1.0 / (x.shape[0] * x.shape[2])
        tape[self]["x_shape"] = x.shape
        return y.T.astype(x.dtype, copy=False)

    def backward(self, dy: np.ndarray, tape: Tape) -> np.ndarray:
        here = tape[self]
        height, _, width, _ = here["x_shape"]
        dx = here.buffer("dx", here["x_shape"])  # (H, C, W, N)
        dx[...] = (dy.T * (1.0 / (height * width)))[:, None, :]
        return by_images(dx)
