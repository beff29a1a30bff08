"""What the mails say, in Korean and English."""

from typing import Literal

from src.domains.auth.models import Language

Kind = Literal[
    "reset",
    "confirmation",
    "known_address",
    "invitation",
    "password_changed",
    "second_factor_added",
    "second_factor_removed",
]

BETWEEN_LANGUAGES = "\n\n----------\n\n"

_TEXTS: dict[Kind, dict[Language, tuple[str, str]]] = {
    "reset": {
        "ko": (
            "비밀번호 재설정",
            "비밀번호를 새로 정하려면 아래 주소를 여세요. {minutes}분 동안 한 번만 쓸 수 있습니다.\n\n{link}\n\n"
            "요청하신 적이 없다면 이 메일을 무시하세요. 비밀번호는 그대로입니다.",
        ),
        "en": (
            "Set a new password",
            "Open this address to set a new password. It works once, within {minutes} minutes.\n\n{link}\n\n"
            "If you did not ask for it, ignore this mail. Your password stays as it is.",
        ),
    },
    "confirmation": {
        "ko": (
            "가입 확인",
            "{name} 이름으로 가입을 마치려면 아래 주소를 열고 가입할 때 정한 비밀번호를 입력하세요.\n\n{link}\n\n"
            "가입하신 적이 없다면 이 메일을 무시하세요. 계정은 만들어지지 않습니다.",
        ),
        "en": (
            "Confirm your address",
            "To finish signing up as {name}, open this address and enter the password you chose.\n\n{link}\n\n"
            "If you did not sign up, ignore this mail. There will be no account.",
        ),
    },
    "known_address": {
        "ko": (
            "이미 계정이 있습니다",
            "누군가 이 메일 주소로 가입하려고 했습니다. 이미 계정이 있으니 로그인하세요. "
            "비밀번호를 잊으셨다면 새로 정할 수 있습니다.\n\n{link}",
        ),
        "en": (
            "You have an account already",
            "Somebody tried to sign up with this address. You have an account: sign in with it. "
            "If you forgot your password, you can set a new one.\n\n{link}",
        ),
    },
    "invitation": {
        "ko": (
            "초대",
            "GenAI Chatbot에 초대받으셨습니다. 아래 주소를 열고 이름과 비밀번호를 정하세요.\n\n{link}",
        ),
        "en": (
            "Invitation",
            "You are invited to GenAI Chatbot. Open this address and choose your name and password.\n\n{link}",
        ),
    },
    "password_changed": {
        "ko": (
            "비밀번호가 바뀌었습니다",
            "비밀번호가 바뀌었고 다른 기기에서 로그아웃되었습니다. "
            "직접 하신 일이 아니라면 바로 관리자에게 알리세요.",
        ),
        "en": (
            "Your password was changed",
            "Your password was changed, and other devices were signed out. "
            "If it was not you, tell your administrator at once.",
        ),
    },
    "second_factor_added": {
        "ko": (
            "2단계 인증이 켜졌습니다",
            "이제 로그인할 때 인증 앱의 코드가 필요합니다. 직접 하신 일이 아니라면 바로 관리자에게 알리세요.",
        ),
        "en": (
            "A second factor was added",
            "Signing in takes a code of your authenticator app from now on. "
            "If it was not you, tell your administrator at once.",
        ),
    },
    "second_factor_removed": {
        "ko": (
            "2단계 인증이 꺼졌습니다",
            "이제 비밀번호만으로 로그인합니다. 직접 하신 일이 아니라면 바로 관리자에게 알리세요.",
        ),
        "en": (
            "Your second factor was removed",
            "Signing in takes your password alone from now on. "
            "If it was not you, tell your administrator at once.",
        ),
    },
}


def composed(kind: Kind, language: str | None, **values: object) -> tuple[str, str]:
    """Return subject and text in the person's language, in both where it is not known."""
    texts = _TEXTS[kind]
    chosen = [texts[each] for each in texts if each == language] or list(texts.values())
    subject = " / ".join(subject for subject, _ in chosen)
    return subject, BETWEEN_LANGUAGES.join(text.format(**values) for _, text in chosen)
