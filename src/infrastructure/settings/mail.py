"""Settings of the mails that the platform sends."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, Field, SecretStr, model_validator


class MailSettings(BaseModel):
    """Mails to people: invitations, new passwords, confirmations."""

    backend: Literal["file", "console", "smtp"] = Field(
        "file", description="Where mails go: `smtp`, files under `DATA_DIR/mail`, or standard output."
    )
    sender: str = Field("chatbot@localhost", description="Whom they are from.")
    page_url: str | None = Field(
        None,
        pattern=r"^https?://[^?#]+$",
        description="Where people reach the page, for links (`https://chat.example`); by default this server.",
    )
    host: str | None = Field(None, description="The mail server.")
    port: int = Field(587, ge=1, le=65535, description="Its port.")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the connection is secured; never by less than is asked for here."
    )
    username: str | None = Field(None, description="As whom the mail server is asked; nobody by default.")
    password: SecretStr | None = Field(None, description="The password for it.")
    ca_file: Path | None = Field(None, description="Certificates to trust, where they are one's own.")
    seconds: float = Field(20.0, gt=0, description="How long the mail server may take for an answer.")

    @model_validator(mode="after")
    def _server_is_named(self) -> Self:
        if self.backend == "smtp" and not self.host:
            raise ValueError("MAIL__BACKEND=smtp needs MAIL__HOST")
        if self.username and self.security == "none":
            raise ValueError("MAIL__SECURITY=none would send MAIL__PASSWORD where anybody can read it")
        return self
