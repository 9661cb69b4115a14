"""The service: a unit's store, the list, decisions, sign-in, rights, audit, API and pages.

Nothing of a request may appear in an error, a log line, a metric or a file (promise 8), and no
score changes anything about a case (promise 1). This process imports no mlflow, shap, matplotlib
or dask.
"""
