"""Secrets that the server makes for itself on one machine."""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from pydantic import SecretStr


def kept_secret(path: Path) -> SecretStr:
    """Return the secret kept in the file, readable by its owner alone; the first call makes it.

    Of several processes that make it at once, one wins and all read the same.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, unfinished = tempfile.mkstemp(dir=path.parent)  # for its owner alone
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
        with suppress(FileExistsError):
            os.link(unfinished, path)
        os.unlink(unfinished)
    return SecretStr(path.read_text())
