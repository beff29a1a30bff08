"""Makes text from people, documents and models safe to render as Markdown.

Streamlit never renders HTML of its own accord; what remains is Markdown that makes the browser load or
open something foreign: images, links with a misleading text, diagrams. Each is broken by an invisible
space, whatever its surroundings, so no trick with code blocks hides one. A bare address stays a link: it
shows where it leads.
"""

import re

_SPACE = "\u200b"
_FOREIGN_TARGET = re.compile(r"\](?=[(:]\s*(?:<|[\w+.-]*[:/\\&]))")
_HTML_TAG = re.compile(r"<(?=[!?/]?[A-Za-z][^<>]*=)")
_DIAGRAM = re.compile(r"(`{3}|~{3})([ \t]*)(?=mermaid|\S*&)", re.IGNORECASE)
_CODE_OR_PRICE = re.compile(r"(```.*?(?:```|\Z)|`[^`\n]*`)|\$(?=\d)", re.DOTALL)
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:&=@])")


def safe_markdown(text: str) -> str:
    """Keep the formatting of an answer; break what would load or disguise something foreign."""
    text = _FOREIGN_TARGET.sub(f"]{_SPACE}", text)
    text = _HTML_TAG.sub(f"<{_SPACE}", text)
    text = _DIAGRAM.sub(rf"\1\2{_SPACE}", text)
    return _CODE_OR_PRICE.sub(lambda match: match.group(1) or r"\$", text)


def plain(text: str) -> str:
    """Escape a name or a title so that a Markdown label shows it letter by letter, on one line."""
    return _PUNCTUATION.sub(r"\\\1", " ".join(text.split()))
