"""The chat: sessions in the sidebar, the messages of the open one, and the next question."""

from ui.views.chat.page import show

__all__ = ["show"]
