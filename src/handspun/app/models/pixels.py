"""Which inputs of a network belong to which pixel of the picture that it sees.

A convolutional network takes (C, H, W). One without convolutions takes pictures as files store them, (H, W) or (H, W, C), or
flattened.
"""

from __future__ import annotations

import math

import numpy as np

from handspun.networks.sequential import Sequential
from handspun.pictures.contract import Contract

Size = tuple[int, int]


def picture_size(network: Sequential) -> Size | None:
    """Rows and columns of the picture that a network sees; None if its inputs are not a picture.

    Flat inputs are laid out as the contract in the model file says; without a contract, as the square that they fill.
    """
    shape, contract = network.input_shape, network.contract
    if len(shape) == 3:
        return (shape[1], shape[2]) if network.takes_pictures else (shape[0], shape[1])
    if len(shape) == 2:
        return shape
    if contract is not None:
        size = (contract.side, contract.side) if isinstance(contract, Contract) else (contract.height, contract.width)
        if shape[0] % math.prod(size) == 0:
            return size
    side = math.isqrt(shape[0])
    return (side, side) if side * side == shape[0] else None


def size_of_input(network: Sequential) -> Size:
    """Like ``picture_size``, but inputs that are not a picture count as one row of pixels."""
    return picture_size(network) or (1, math.prod(network.input_shape))


def over_pixels(values: np.ndarray, network: Sequential) -> np.ndarray:
    """Values of inputs (…, *input_shape) summed over the colours: one for each pixel, (…, H, W)."""
    if network.takes_pictures:
        return values.sum(axis=-3)
    before = values.shape[: values.ndim - len(network.input_shape)]
    return values.reshape(*before, *size_of_input(network), -1).sum(axis=-1)


def place_of_pixel(pixel: int, network: Sequential) -> tuple[int | slice, ...]:
    """The index of a pixel's values in an input (*input_shape); pixels are counted row by row."""
    height, width = size_of_input(network)
    row, column = divmod(pixel, width)
    if network.takes_pictures:
        return (slice(None), row, column)
    if len(network.input_shape) > 1:
        return (row, column)
    colours = math.prod(network.input_shape) // (height * width)
    return (slice(pixel * colours, (pixel + 1) * colours),)
