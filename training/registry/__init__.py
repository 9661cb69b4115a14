"""Where bundles are kept and found again: MLflow, and the folder of promoted bundles."""
