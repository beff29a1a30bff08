"""Secrets that the server makes for itself."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from src.infrastructure.secrets import kept_secret


def test_a_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "token_secret"
    made = kept_secret(path)
    assert kept_secret(path) == made
    assert len(made.get_secret_value()) >= 48
    assert path.stat().st_mode & 0o777 == 0o600


def test_processes_that_start_at_once_have_the_same_secret(tmp_path: Path) -> None:
    path = tmp_path / "token_secret"
    with ThreadPoolExecutor(8) as processes:
        made = set(processes.map(lambda _number: kept_secret(path).get_secret_value(), range(8)))
    assert len(made) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["token_secret"]
