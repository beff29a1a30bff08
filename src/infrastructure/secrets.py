"""Secrets that the server makes for itself on one machine."""

import os
import secrets
from pathlib import Path

from pydantic import SecretStr


def kept_secret(path: Path) -> SecretStr:
    """Return the secret kept in the file, readable by its owner alone; the first call makes it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
        unfinished.replace(path)
    return SecretStr(path.read_text())
