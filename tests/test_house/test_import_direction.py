import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("features", "models", "training", "serving", "synthetic", "caselight")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def empty_house(tmp_path: Path) -> Path:
    """Return a house with our contracts, our packages and rooms, and nothing in them."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        for place in (ROOT / package, *(ROOT / package).iterdir()):
            if (place / "__init__.py").is_file():
                room = tmp_path / place.relative_to(ROOT)
                room.mkdir()
                (room / "__init__.py").write_text("", encoding="utf-8")
            elif place.suffix == ".py":
                (tmp_path / place.relative_to(ROOT)).write_text("", encoding="utf-8")
    return tmp_path


def test_imports_of_the_project_point_one_way() -> None:
    """Every import in the packages keeps every contract."""
    result = lint_imports(ROOT)

    assert result.returncode == 0, result.stdout


def test_allowed_imports_keep_every_contract(empty_house: Path) -> None:
    """Downward imports pass, and training.registry may talk to MLflow for the others."""
    lines = {
        "models/bundle/fit.py": "import features.engine\nimport lightgbm\n",
        "training/registry/tracking.py": "import mlflow\nimport training.pipeline\n",
        "training/pipeline.py": "import models.bundle.fit\n",
        "serving/app.py": "import fastapi\nimport models.bundle.fit\n",
        "caselight/commands/train.py": (
            "import training.registry.tracking\nimport serving.app\n"
        ),
    }
    for name, text in lines.items():
        (empty_house / name).write_text(text, encoding="utf-8")

    result = lint_imports(empty_house)

    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("features/engine/bad.py", "import models.bundle", "Imports point one way"),
        ("models/bundle/bad.py", "import training.pipeline", "Imports point one way"),
        ("training/report/bad.py", "import serving.app", "Imports point one way"),
        ("serving/api/bad.py", "import training.pipeline", "Imports point one way"),
        ("serving/api/bad.py", "import caselight.inputs", "Imports point one way"),
        ("features/history/bad.py", "import features.engine.plan", "Inside features"),
        ("models/bundle/bad.py", "import models.ranking.order", "Inside models"),
        ("training/figures/bad.py", "import training.cohorts.splits", "Inside training"),
        ("serving/store/bad.py", "import serving.standing.states", "Inside serving"),
        ("serving/attic/__init__.py", "", "Inside serving"),
        ("caselight/inputs.py", "import caselight.commands", "Inside the command line"),
        ("synthetic/simulator/bad.py", "import synthetic.demo", "The simulator knows nothing"),
        ("training/report/bad.py", "import models.scoring", "models.scoring is for"),
        ("features/engine/bad.py", "import sklearn.linear_model", "features knows no web"),
        ("features/engine/bad.py", "def late():\n    import lightgbm", "features knows no web"),
        ("serving/api/bad.py", "import shap", "The web process holds no"),
        ("training/report/bad.py", "import mlflow", "Only training.registry talks to MLflow"),
        (
            "caselight/commands/bad.py",
            "import mlflow.pyfunc",
            "Only training.registry talks to MLflow",
        ),
    ],
)
def test_a_wrong_import_breaks_its_contract(
    empty_house: Path, module: str, line: str, contract: str
) -> None:
    """An import against the direction, or of a library that has no place there, is found."""
    (empty_house / module).parent.mkdir(exist_ok=True)
    (empty_house / module).write_text(line + "\n", encoding="utf-8")

    result = lint_imports(empty_house)

    broken = [text for text in result.stdout.splitlines() if text.endswith("BROKEN")]
    assert result.returncode == 1
    assert [text for text in broken if text.startswith(contract)], result.stdout


def test_a_light_import_through_models_breaks_the_web_contract(empty_house: Path) -> None:
    """The web process may not reach shap by way of models either."""
    (empty_house / "models" / "bundle" / "plots.py").write_text("import shap\n", encoding="utf-8")
    (empty_house / "serving" / "app.py").write_text("import models.bundle.plots\n", encoding="utf-8")

    result = lint_imports(empty_house)

    assert result.returncode == 1
    assert "serving.app -> models.bundle.plots" in result.stdout
