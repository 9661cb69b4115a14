"""From case histories to a promoted model: cohorts, labels, fitting, evaluation, the registry.

Decisions, list places and unit contact are never indicators or labels. Only
:mod:`training.registry.tracking` talks to MLflow.
"""
