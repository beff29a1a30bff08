"""What the tests of pages are made of."""

from typing import Any

from streamlit.testing.v1 import AppTest

SESSION = {
    "id": "s1",
    "title": "Annual leave",
    "profile_id": None,
    "model": None,
    "pinned": False,
    "temporary": False,
}
CITATION = {"index": 1, "title": "leave.md", "location": "Annual leave", "text": "15 days. ![x](http://evil)"}
MESSAGES = "/chat/sessions/s1/messages"


def message(role: str, content: str, number: int = 1, **fields: Any) -> dict[str, Any]:
    """A message as the API shows it, with the id `<role>-<number>`."""
    id = f"{role}-{number}"
    answer = {"model": "embedded", "failed_models": [], "grounded": True, "usage": None, "tool_calls": []}
    rated = {"feedback": None, "feedback_reasons": [], "feedback_comment": None}
    rest = {"status": "completed", "error_code": None, "siblings": [id], "citations": [], **answer, **rated}
    return {"id": id, "session_id": "s1", "role": role, "content": content, **rest, **fields}


def model(name: str, **fields: Any) -> dict[str, Any]:
    rest = {"label": name.title(), "price_in": 0, "price_out": 0, "is_default": name == "embedded"}
    return {"name": name, **rest, **fields}


def button(tab: AppTest, label: str) -> Any:
    return next(button for button in tab.button if button.label == label)


def badges(tab: AppTest) -> str:
    return " ".join(element.value for element in tab.markdown if "-badge[" in element.value)


def captions(tab: AppTest) -> str:
    return "\n".join(caption.value for caption in tab.caption)
