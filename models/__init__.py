"""What a model is: estimators, calibration, ranking, reasons and the bundle.

This is code; fitted models live in bundles and in the registry. Nothing here fits a model to data
(that is :mod:`training`) or serves one (:mod:`serving`).
"""
