"""Mails through a mail server (SMTP, RFC 5321)."""

import ssl
from dataclasses import dataclass
from typing import Literal

import aiosmtplib
import structlog
from pydantic import SecretStr

from src.domains.auth.services.ports import Mail
from src.infrastructure.mail.messages import message_of

log = structlog.get_logger(__name__)

Security = Literal["starttls", "tls", "none"]


@dataclass(frozen=True)
class SmtpPlace:
    """Where the mail server is, and as whom it is asked. `seconds` bound each of its answers."""

    host: str
    port: int
    security: Security
    username: str | None = None
    password: SecretStr | None = None
    ca_file: str | None = None
    seconds: float = 20.0


class SmtpMailer:
    """Implements `Mailer`, a connection each. What the server refuses for good is logged and dropped."""

    def __init__(self, place: SmtpPlace, sender: str) -> None:
        self._place = place
        self._sender = sender
        self._tls = ssl.create_default_context(cafile=place.ca_file)

    async def send(self, mail: Mail) -> None:
        place = self._place
        try:
            await aiosmtplib.send(
                message_of(mail, self._sender),
                hostname=place.host,
                port=place.port,
                username=place.username,
                password=place.password.get_secret_value() if place.password else None,
                use_tls=place.security == "tls",
                start_tls=place.security == "starttls",
                tls_context=self._tls,
                timeout=place.seconds,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [refused.code for refused in error.recipients]
            if any(code < 500 for code in codes):
                raise
            log.warning("mail_refused", codes=codes)
        except aiosmtplib.SMTPNotSupported:
            # An address beyond ASCII, and a server that takes none (RFC 6531).
            log.warning("mail_refused", codes=["SMTPUTF8"])
