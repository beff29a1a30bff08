"""Mails as files in a folder, for a platform that has no mail server."""

import asyncio
from pathlib import Path

from uuid_utils.compat import uuid7

from src.domains.auth.services.ports import Mail
from src.infrastructure.mail.messages import message_of

MOST_FILES = 1_000
"""The oldest go: their links have long expired."""


class FileMailer:
    """Implements `Mailer`: one `.eml` each, named in the order of time, which any mail program opens."""

    def __init__(self, folder: Path, sender: str) -> None:
        self._folder = folder
        self._sender = sender

    async def send(self, mail: Mail) -> None:
        await asyncio.to_thread(self._write, bytes(message_of(mail, self._sender)))

    def _write(self, content: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{uuid7()}.eml"
        unfinished = path.with_suffix(".part")
        unfinished.write_bytes(content)
        unfinished.rename(path)
        for oldest in sorted(self._folder.glob("*.eml"))[:-MOST_FILES]:
            oldest.unlink(missing_ok=True)
