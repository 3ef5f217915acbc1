"""Random changes of pictures during training, which act like more training data; and nine fixed views.

Bytes in, bytes of the same shape out; whole batches at once; all randomness comes from a generator that is an argument. Shift,
rotation, scale, shear and elastic deformation together are one map from the pixels of the result to places in the picture
(``affine``, ``elastic``), so that a picture is interpolated only once (``resample``). Begin with ``augmentation.py``.
"""

from handspun.augment.augmentation import Augmentation

__all__ = ["Augmentation"]
