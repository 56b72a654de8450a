"""Shares and rates with their 95 % intervals, as the benchmarks print them."""

from __future__ import annotations

import math

from scipy.stats import chi2


def wilson(hit: int, total: int) -> str:
    """A share with its 95% interval (Wilson 1927)."""
    if not total:
        return "–"
    z, p = 1.96, hit / total
    centre = (p + z * z / (2 * total)) / (1 + z * z / total)
    half = z * math.sqrt(p * (1 - p) / total + z * z / (4 * total**2)) / (1 + z * z / total)
    return f"{hit}/{total} = {p:.2f} ({max(0.0, centre - half):.2f}–{min(1.0, centre + half):.2f})"


def poisson(count: int) -> tuple[float, float]:
    """The exact 95% interval of how many events were to be expected where so many were seen."""
    return chi2.ppf(0.025, 2 * count) / 2 if count else 0.0, chi2.ppf(0.975, 2 * count + 2) / 2


def rate(count: int, seconds: float) -> str:
    """Events per hour with their 95% interval."""
    hours = max(seconds / 3600, 1e-9)
    if not seconds:
        return "–"
    low, high = poisson(count)
    return f"{count} in {seconds / 60:.1f} min = {count / hours:.1f}/h ({low / hours:.1f}–{high / hours:.1f})"
