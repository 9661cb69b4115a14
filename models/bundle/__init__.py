"""A fitted model: trees, linear part, calibration, encoding, and the folder of text.

Models that were registered in MLflow before this package was a folder import ``Bundle`` and
``load_bundle`` from here; see :mod:`models.scoring`.
"""

from models.bundle.folder import Bundle, load_bundle

__all__ = ["Bundle", "load_bundle"]
