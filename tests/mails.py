"""The mails that a platform has written, as its file backend leaves them."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage

from src.infrastructure.settings import Settings
from tests.builders import Platform

PAST = "2020-01-01 00:00:00.000000"
"""A moment long ago, as both engines keep it."""


async def mails_to(platform: Platform, settings: Settings, address: str) -> list[EmailMessage]:
    """Return what was written to an address, oldest first, once every mail that is due was written."""
    await platform.delivered("auth.mails")
    paths = sorted((settings.data_dir / "mail").glob("*.eml"))
    mails = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in paths]
    return [mail for mail in mails if mail["To"] == address]


async def token_to(platform: Platform, settings: Settings, address: str, name: str) -> str:
    """Return the token in the link of the newest mail to an address."""
    text = (await mails_to(platform, settings, address))[-1].get_content()
    return re.findall(rf"\?{name}=([\w-]+)", text)[-1]
