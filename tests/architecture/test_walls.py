"""The walls of the house hold, and each of them would be noticed if it fell."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOMAINS = ("analytics", "auth", "chat", "knowledge")
DOMAIN_FILES = {"models", "repositories", "services", "schemas", "routers", "subscribers", "dependencies"}


def configuration() -> dict[str, object]:
    return dict(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"])


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    linter = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(  # our own tool
        [linter, "--no-cache"], cwd=folder, capture_output=True, text=True, timeout=120
    )


@pytest.fixture(scope="module")
def copied_house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    house = tmp_path_factory.mktemp("house")
    for folder in ("src", "ui", "migrations"):
        shutil.copytree(ROOT / folder, house / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", house)
    return house


# contract id -> where an import is planted, and which one
VIOLATIONS = {
    "independence": ("src/domains/analytics/services/turns.py", "import src.domains.chat.models"),
    "layers": ("src/shared/paging.py", "import src.infrastructure.database.engine"),
    "settings": ("src/domains/chat/services/turns.py", "import src.infrastructure.settings"),
    "outside": ("src/domains/chat/services/turns.py", "import httpx"),
    "blinker": ("src/infrastructure/database/subscriptions.py", "import blinker"),
    "ui": ("ui/client.py", "import src.shared.events.chat"),
}


def test_the_walls_hold() -> None:
    checked = lint_imports(ROOT)
    assert checked.returncode == 0, checked.stdout


def test_every_contract_is_proven() -> None:
    contracts = configuration()["contracts"]
    assert isinstance(contracts, list)
    assert {contract["id"] for contract in contracts} == set(VIOLATIONS)


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_a_planted_violation_breaks_its_contract(copied_house: Path, contract: str) -> None:
    contracts = configuration()["contracts"]
    assert isinstance(contracts, list)
    name = next(each["name"] for each in contracts if each["id"] == contract)
    place, planted = VIOLATIONS[contract]
    file = copied_house / place
    sound = file.read_text()
    file.write_text(f"{sound}\n{planted}\n")
    try:
        checked = lint_imports(copied_house)
    finally:
        file.write_text(sound)
    assert checked.returncode == 1
    assert f"{name} BROKEN" in checked.stdout


@pytest.mark.parametrize(
    "planted",
    [
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import src.domains.chat.models\n",
        "def later() -> None:\n    import src.domains.chat.models\n",
    ],
)
def test_an_import_that_only_the_type_checker_or_a_function_sees_counts_too(
    copied_house: Path, planted: str
) -> None:
    file = copied_house / "src" / "domains" / "analytics" / "planted.py"
    file.write_text(planted)
    try:
        assert "No domain reaches another, not even indirectly BROKEN" in lint_imports(copied_house).stdout
    finally:
        file.unlink()


def test_every_package_of_the_infrastructure_stands_in_a_contract() -> None:
    """A new adapter is named in the layers, or its imports are not watched."""
    contracts = configuration()["contracts"]
    assert isinstance(contracts, list)
    layers = next(contract["layers"] for contract in contracts if contract["id"] == "layers")
    named = {module.strip() for layer in layers for module in layer.split("|")}
    folder = ROOT / "src" / "infrastructure"
    modules = {f"src.infrastructure.{path.parent.name}" for path in folder.glob("*/__init__.py")}
    modules |= {f"src.infrastructure.{path.stem}" for path in folder.glob("[a-z]*.py")}
    # Settings have a contract of their own.
    assert modules - {"src.infrastructure.settings"} <= named


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_domain_has_the_same_files(domain: str) -> None:
    """A file that outgrew itself is a package of the same name."""
    found = {path.stem for path in (ROOT / "src" / "domains" / domain).iterdir()}
    assert found - {"__init__", "__pycache__"} == DOMAIN_FILES


def test_there_are_no_other_domains() -> None:
    found = {path.name for path in (ROOT / "src" / "domains").iterdir() if path.is_dir()}
    assert found - {"__pycache__"} == set(DOMAINS)
