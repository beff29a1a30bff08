"""How mails are sent, and who may sign up, as the settings have it."""

from datetime import timedelta

from src.domains.auth.services.ports import Mailer
from src.domains.auth.services.registration import RegistrationPolicy
from src.infrastructure.mail.console import ConsoleMailer
from src.infrastructure.mail.file import FileMailer
from src.infrastructure.mail.smtp import SmtpMailer, SmtpPlace
from src.infrastructure.settings import Settings


def mailer(settings: Settings) -> Mailer:
    mail = settings.mail
    if mail.backend == "console":
        return ConsoleMailer()
    if mail.backend == "file" or not mail.host:
        return FileMailer(settings.data_dir / "mail", mail.sender)
    place = SmtpPlace(
        host=mail.host,
        port=mail.port,
        security=mail.security,
        username=mail.username,
        password=mail.password,
        ca_file=str(mail.ca_file) if mail.ca_file else None,
        seconds=mail.seconds,
    )
    return SmtpMailer(place, mail.sender)


def page_url(settings: Settings) -> str:
    return settings.mail.page_url or settings.own_url


def registration_policy(settings: Settings) -> RegistrationPolicy:
    auth, by_mail = settings.auth, settings.mail.backend == "smtp"
    return RegistrationPolicy(
        enabled=auth.enable_signup,
        role=auth.newcomer_role,
        domains=frozenset(domain.casefold() for domain in auth.mail_domains),
        confirmed=by_mail if auth.confirm_addresses is None else auth.confirm_addresses,
        lifetime=timedelta(hours=auth.confirm_hours),
    )
