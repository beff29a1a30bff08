"""The page's entry: `streamlit run ui/main.py`, or mounted beside the API by `src/app.py`."""

import sys
from pathlib import Path

import streamlit as st

UI = Path(__file__).parent
ROOT = str(UI.parent)
if ROOT not in sys.path:  # `streamlit run` puts this file's folder there alone
    sys.path.insert(0, ROOT)

from ui import frame  # noqa: E402
from ui.parts import reported  # noqa: E402
from ui.state import is_admin, refresh_user, t, user  # noqa: E402
from ui.views import budgets, chat, dashboard, documents, links, people, sign_in  # noqa: E402


def main() -> None:
    st.set_page_config("GenAI Chatbot", page_icon=UI / "icon.svg", layout="wide")
    st.html(UI / "style.css")
    frame.choose_language()
    page = st.navigation(_pages(), position="sidebar" if user() else "hidden")
    with reported():
        signed_in = user()
        if not signed_in:
            if not links.show():
                sign_in.show()
            return
        frame.account()
        refresh_user()
        if signed_in["role"] == "pending":
            st.info(t("account_pending"), icon=":material/hourglass_empty:")
            return
        page.run()


def _pages() -> list[st.Page]:
    """The pages of whoever is signed in; until then all, so that an address still leads there afterwards."""
    pages = [frame.page(chat.show, "chat", "chat", default=True)]
    pages.append(frame.page(documents.show, "documents", "folder_open"))
    if is_admin() or not user():
        pages.append(frame.page(dashboard.show, "dashboard", "monitoring"))
        pages.append(frame.page(people.show, "people", "group"))
        pages.append(frame.page(budgets.show, "budgets", "savings"))
    return pages


main()
