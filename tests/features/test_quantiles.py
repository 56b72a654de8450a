"""Quantiles by one sort, held against NumPy's own."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidforensics.features.quantiles import quantile, quantiles


@given(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=60),
    st.lists(st.floats(0, 1), min_size=1, max_size=4),
)
def test_quantiles_are_those_of_numpy(values: list[float], shares: list[float]) -> None:
    array = np.array(values, np.float32)
    expected = np.quantile(array.astype(np.float64), shares)
    assert quantiles(array, shares) == pytest.approx(expected.tolist(), rel=1e-5, abs=1e-3)


def test_the_order_and_the_shape_of_the_values_do_not_matter_and_none_are_nan() -> None:
    assert quantile(np.array([[4.0, 1.0], [3.0, 2.0]], np.float32), 0.5) == 2.5
    assert math.isnan(quantile(np.zeros(0, np.float32), 0.5))
