"""Changes pictures at random while a network is trained, so that it meets more of them than there are.

Bytes in, bytes of the same shape out; whole batches at once; all randomness from a generator that is an argument. Shift,
rotation, scale, shear and elastic deformation are one map from the pixels of the result to places of the picture (``affine``,
``elastic``), so that a picture is interpolated only once (``resample``).
"""

from handspun.augment.augmentation import Augmentation

__all__ = ["Augmentation"]
