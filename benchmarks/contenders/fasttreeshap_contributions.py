"""FastTreeSHAP's contributions of some rows, timed on one thread after an untimed round.

Arguments: LightGBM's text file, a NumPy file of rows, a NumPy file to write the contributions to
(base last, as ``pred_contrib`` has it), and how many rounds. Prints the seconds of each as JSON.
"""

import json
import sys
import time

import fasttreeshap_fixed
import lightgbm
import numpy as np


def main() -> None:
    """Time the explainer and keep what it found."""
    model, rows, result, rounds = sys.argv[1:5]
    booster = lightgbm.Booster(model_file=model)
    x = np.load(rows)
    explainer = fasttreeshap_fixed.TreeExplainer(booster, n_jobs=1, shortcut=False)
    times = []
    for number in range(int(rounds) + 1):
        start = time.perf_counter()
        found = explainer.shap_values(x, check_additivity=False)
        if number:
            times.append(time.perf_counter() - start)
    shares = np.asarray(found[-1] if isinstance(found, list) else found)
    base = np.asarray(explainer.expected_value).ravel()[-1]
    np.save(result, np.column_stack([shares, np.full(len(x), base)]))
    print(json.dumps(times))


if __name__ == "__main__":
    main()
