"""The registered model: a bundle behind MLflow's scoring protocol.

Takes a table of the catalogue's indicator columns, as ``caselight features`` writes them, and
returns one probability column per modelled outcome. Raw case histories go to the service instead.
"""

from typing import Any

import mlflow
import pandas as pd
from scipy.special import expit

from features.errors import DataContractError
from models.bundle.folder import Bundle, load_bundle
from models.ranking.order import estimate_log_odds


class BundleModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc, name-defined]
    """Estimates of every modelled outcome from indicator columns."""

    bundle: Bundle

    def load_context(self, context: Any) -> None:
        """Verify and load the bundle beside this file."""
        self.bundle = load_bundle(context.artifacts["bundle"])

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Return probabilities, one column per outcome, in the rows' order.

        Raises
        ------
        DataContractError
            If an indicator column is missing.
        """
        columns = list(self.bundle.catalogue.columns)
        missing = sum(name not in model_input.columns for name in columns)
        if missing:
            raise DataContractError(
                f"{missing} of {len(columns)} indicator columns are missing; "
                "make the table with `caselight features` and this model's catalogue"
            )
        values = model_input[columns].to_numpy(dtype="float64")
        return pd.DataFrame(
            {
                name: expit(column)
                for name, column in estimate_log_odds(self.bundle, values).items()
            },
            index=model_input.index,
        )


mlflow.models.set_model(BundleModel())
