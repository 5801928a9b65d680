"""Figures as they are printed: never more certain than they are."""

from __future__ import annotations


def percent_of_probability(probability: float) -> str:
    """A probability as whole percent; never "0 %" or "100 %", because a model is never certain."""
    if probability < 0.01:
        return "< 1\u00a0%"
    if probability > 0.99:
        return "> 99\u00a0%"
    return f"{100 * probability:.0f}\u00a0%"


def plain_number(value: float, decimals: int) -> str:
    """A number without unit, with a real minus sign."""
    return f"{value:.{decimals}f}".replace("-", "\u2212")


def percent_of_count(share: float) -> str:
    """A counted share as percent with one decimal where it is not whole."""
    text = f"{100 * share:.1f}".removesuffix(".0")
    return f"{text}\u00a0%"
