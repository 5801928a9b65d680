"""FGait's engine: from a walking video to calibrated, explained screening scores."""

__version__ = "0.1.0"
