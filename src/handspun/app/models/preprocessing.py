"""From a picture to what a model sees of it."""

from __future__ import annotations

import numpy as np

from handspun.app.models.catalog import Model
from handspun.app.transport.wire import INK, MOST_LENGTH, Frame, RequestError
from handspun.errors import UsageError
from handspun.pictures.contract import Contract


def picture_of(model: Model, frame: Frame) -> np.ndarray:
    """The picture that a frame shows, (H, W) or (H, W, 3): to a model of photos ink is dark on white, as the page shows it."""
    of_strokes = isinstance(model.network.contract, Contract)
    return 255 - frame.pixels if frame.kind == INK and not of_strokes else frame.pixels


def bring_to_model(model: Model, picture: np.ndarray) -> np.ndarray:
    """What ``model`` sees of one picture (H, W) or (H, W, C), uint8: by the contract in its file.

    Raises:
        RequestError: 400, the model does not say how pictures become its inputs, or the picture cannot be meant.
    """
    contract = model.network.contract
    if contract is None:
        raise RequestError(
            400,
            f'The model "{model.name}" does not say how pictures become its inputs. '
            f"Send arrays of its own shape, {list(model.network.input_shape)}.",
        )
    height, width = picture.shape[:2]
    if max(height, width) > MOST_LENGTH:
        raise RequestError(400, f"A picture has at most {MOST_LENGTH:,} pixels a side, not {width:,} x {height:,}.")
    try:
        return contract(picture[None])[0]
    except UsageError as error:
        raise RequestError(400, str(error)) from error
