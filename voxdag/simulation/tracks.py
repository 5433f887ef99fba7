"""From targets in segments to continuous tracks."""

import numpy as np


def glide(values: np.ndarray, edges: np.ndarray, time: np.ndarray, width: float) -> np.ndarray:
    """A step function of time whose steps are ramps `width` long: its mean over the window centred at each time.

    Args:
        values: (segments, ...) one value, or one row, per segment; the first and the last go on for ever.
        edges: (segments + 1,) s.
        time: (times,) s.
        width: s; a segment shorter than this does not reach its target.

    Returns:
        (times, ...).
    """
    far = edges[-1] - edges[0] + width + 1.0
    bounds = np.concatenate([[edges[0] - far], edges[1:-1], [edges[-1] + far]])
    steps = np.diff(bounds).reshape(-1, *[1] * (values.ndim - 1)) * values
    integral = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(steps, axis=0)])
    columns = integral.reshape(len(bounds), -1).T
    ends = np.concatenate([time - width / 2, time + width / 2])
    sampled = np.stack([np.interp(ends, bounds, column) for column in columns])  # (columns, 2 times)
    mean = (sampled[:, len(time) :] - sampled[:, : len(time)]) / width
    return mean.T.reshape(len(time), *values.shape[1:])
