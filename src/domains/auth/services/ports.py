"""What auth needs from outside; the container plugs in who serves it."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Mail:
    """A mail of plain text to one address."""

    to: str
    subject: str
    text: str


class Mailer(Protocol):
    """Sends mails. Raises when it cannot now; a mail that never can be sent (no such recipient) is dropped."""

    async def send(self, mail: Mail) -> None: ...
