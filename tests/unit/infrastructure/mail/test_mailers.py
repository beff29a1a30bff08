"""The ways a mail can go, the mail server's by its real protocol."""

import ssl
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib
import pytest
from pydantic import SecretStr

from src.domains.auth.services.ports import Mail
from src.infrastructure.mail import file
from src.infrastructure.mail.console import ConsoleMailer
from src.infrastructure.mail.file import FileMailer
from src.infrastructure.mail.smtp import SmtpMailer, SmtpPlace
from tests.standins.mail_server import PASSWORD, USERNAME, MailServer, mail_server, self_signed

SENDER = "Chatbot <chatbot@example.com>"
MAIL = Mail(
    "kim@example.com",
    "비밀번호 재설정 / Set a new password",
    "열어 보세요.\n\nhttps://chat.example/?reset=x\n",
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("certificate") / "mail.pem")


def place(server: MailServer, certificate: Path) -> SmtpPlace:
    return SmtpPlace(
        "127.0.0.1", server.port, "starttls", USERNAME, SecretStr(PASSWORD), str(certificate), seconds=5
    )


def parsed(content: bytes | str | None) -> EmailMessage:
    assert isinstance(content, bytes)
    return message_from_bytes(content, policy=policy.default)


def files_in(folder: Path) -> list[EmailMessage]:
    return [parsed(path.read_bytes()) for path in sorted(folder.iterdir())]


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_mail_goes_over_a_secured_connection(certificate: Path, security: str) -> None:
    async with mail_server(certificate, implicit_tls=security == "tls") as server:
        where = replace(place(server, certificate), security=security)  # type: ignore[arg-type]  # one of them
        await SmtpMailer(where, SENDER).send(MAIL)
    [envelope] = server.received
    assert server.over_tls == [True]
    assert (envelope.mail_from, envelope.rcpt_tos) == ("chatbot@example.com", [MAIL.to])
    message = parsed(envelope.content)
    assert (message["From"], message["Subject"]) == (SENDER, MAIL.subject)
    assert message.get_content().splitlines() == MAIL.text.splitlines()
    assert message["Message-ID"].endswith("@example.com>")


async def test_no_mail_and_no_password_goes_over_less_than_was_asked_for(
    certificate: Path, tmp_path: Path
) -> None:
    """A server without STARTTLS, and one that cannot prove that it is the one, are told nothing."""
    other = self_signed(tmp_path / "other.pem")
    async with mail_server(certificate) as server:
        with pytest.raises((aiosmtplib.SMTPException, ssl.SSLError)):
            await SmtpMailer(place(server, other), SENDER).send(MAIL)
        with pytest.raises(aiosmtplib.SMTPException):
            await SmtpMailer(replace(place(server, certificate), security="none"), SENDER).send(MAIL)
    assert server.received == []


async def test_what_is_refused_for_good_is_dropped_and_the_rest_is_tried_again(certificate: Path) -> None:
    async with mail_server(certificate) as server:
        mailer = SmtpMailer(place(server, certificate), SENDER)
        await mailer.send(replace(MAIL, to="gone@example.com"))
        with pytest.raises(aiosmtplib.SMTPRecipientsRefused):
            await mailer.send(replace(MAIL, to="later@example.com"))
        wrong = replace(place(server, certificate), password=SecretStr("wrong"))
        with pytest.raises(aiosmtplib.SMTPAuthenticationError) as raised:
            await SmtpMailer(wrong, SENDER).send(MAIL)
        assert PASSWORD not in repr(raised.value) + repr(wrong)
    assert server.received == []


async def test_an_address_beyond_ascii_is_written_to(certificate: Path) -> None:
    async with mail_server(certificate) as server:
        await SmtpMailer(place(server, certificate), SENDER).send(replace(MAIL, to="김민수@회사.example"))
    assert [envelope.rcpt_tos for envelope in server.received] == [["김민수@회사.example"]]


@pytest.mark.parametrize("address", ["a@example.com\r\nBcc: b@example.com", "a@example.com, b@example.com"])
async def test_an_address_adds_no_recipient(tmp_path: Path, address: str) -> None:
    mailer = FileMailer(tmp_path, SENDER)
    try:
        await mailer.send(replace(MAIL, to=address))
    except ValueError:
        return
    [written] = files_in(tmp_path)
    assert "Bcc" not in written


async def test_mails_are_kept_as_files_up_to_a_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "MOST_FILES", 3)
    mailer = FileMailer(tmp_path / "mail", SENDER)
    for number in range(5):
        await mailer.send(replace(MAIL, subject=str(number)))
    assert [mail["Subject"] for mail in files_in(tmp_path / "mail")] == ["2", "3", "4"]


async def test_mails_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    await ConsoleMailer().send(MAIL)
    assert MAIL.text in capsys.readouterr().out
