"""The guardrail outside, if the settings name one; its library is loaded for it alone."""

from src.domains.chat.services.guardrail import Moderator
from src.infrastructure.outside.places import AwsPlace
from src.infrastructure.settings import Settings


def moderator(settings: Settings) -> Moderator | None:
    guardrail = settings.guardrail
    if not guardrail.bedrock_id:
        return None
    from src.infrastructure.guardrails.bedrock import BedrockModerator

    return BedrockModerator(
        guardrail.bedrock_id,
        guardrail.bedrock_version,
        AwsPlace(settings.bedrock.region, settings.bedrock.endpoint_url),
        seconds=guardrail.bedrock_seconds,
        fails_open=guardrail.bedrock_fails_open,
    )
