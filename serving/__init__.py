"""The service: case histories in, advice out; the list and its pages. Read-only, this machine only.

Nothing of a request may appear in an error, a log line, a metric or a file (promise 8), and no
score changes anything about a case (promise 1). This process imports no mlflow, shap, matplotlib
or dask.
"""
