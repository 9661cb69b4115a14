import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("features", "models", "training", "serving", "caselight")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def empty_house(tmp_path: Path) -> Path:
    """Return a house with our contracts, our packages and nothing in them."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("", encoding="utf-8")
    return tmp_path


def test_imports_of_the_project_point_one_way() -> None:
    """Every import in the packages keeps every contract."""
    result = lint_imports(ROOT)

    assert result.returncode == 0, result.stdout


def test_allowed_imports_keep_every_contract(empty_house: Path) -> None:
    """Downward imports pass, and training.tracking may talk to MLflow for the others."""
    lines = {
        "models/fit.py": "import features\nimport lightgbm\n",
        "training/tracking.py": "import mlflow\n",
        "training/run.py": "import training.tracking\nimport models.fit\n",
        "serving/app.py": "import fastapi\nimport models.fit\n",
        "caselight/train.py": "import training.run\nimport serving.app\n",
    }
    for name, text in lines.items():
        (empty_house / name).write_text(text, encoding="utf-8")

    result = lint_imports(empty_house)

    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("features/bad.py", "import models", "Imports point one way"),
        ("models/bad.py", "import training", "Imports point one way"),
        ("training/bad.py", "import serving", "Imports point one way"),
        ("serving/bad.py", "import training", "Imports point one way"),
        ("serving/bad.py", "import caselight", "Imports point one way"),
        ("features/bad.py", "import sklearn.linear_model", "features knows no web"),
        ("features/bad.py", "def late():\n    import lightgbm", "features knows no web"),
        ("serving/bad.py", "import shap", "The web process holds no"),
        ("training/bad.py", "import mlflow", "Only training.tracking talks to MLflow"),
        ("caselight/bad.py", "import mlflow.pyfunc", "Only training.tracking talks to MLflow"),
    ],
)
def test_a_wrong_import_breaks_its_contract(
    empty_house: Path, module: str, line: str, contract: str
) -> None:
    """An import against the direction, or of a library that has no place there, is found."""
    (empty_house / module).write_text(line + "\n", encoding="utf-8")

    result = lint_imports(empty_house)

    broken = [text for text in result.stdout.splitlines() if text.endswith("BROKEN")]
    assert result.returncode == 1
    assert [text for text in broken if text.startswith(contract)], result.stdout


def test_a_light_import_through_models_breaks_the_web_contract(empty_house: Path) -> None:
    """The web process may not reach shap by way of models either."""
    (empty_house / "models" / "report.py").write_text("import shap\n", encoding="utf-8")
    (empty_house / "serving" / "app.py").write_text("import models.report\n", encoding="utf-8")

    result = lint_imports(empty_house)

    assert result.returncode == 1
    assert "serving.app -> models.report" in result.stdout
