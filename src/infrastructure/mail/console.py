"""Mails on standard output, for whoever tries the platform in a terminal."""

from src.domains.auth.services.ports import Mail


class ConsoleMailer:
    """Implements `Mailer`."""

    async def send(self, mail: Mail) -> None:
        print(f"To: {mail.to}\nSubject: {mail.subject}\n\n{mail.text}\n", flush=True)  # noqa: T201  # for people
