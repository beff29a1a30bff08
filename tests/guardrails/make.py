"""`python -m tests.guardrails.make`: write the labelled texts from their templates, always the same ones.

A template is a line. `{name}` is a made-up value (see `VALUES`), `{one|other}` one of the words. Those whose
files end in `held_out` were written before any pattern was tried on them, and no pattern was changed for them.
"""

import base64
import json
import random
import re
import uuid
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from stdnum import iban, luhn
from stdnum.kr import rrn

HERE = Path(__file__).parent
SLOT = re.compile(r"\{([^{}]*)\}")
LETTERS, CAPITALS = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
WORDS = [
    "hanbit",
    "seoul",
    "mint",
    "river",
    "cobalt",
    "delta",
    "orbit",
    "maple",
    "quartz",
    "falcon",
    "harbor",
    "lotus",
    "pixel",
    "sierra",
    "tango",
]
NAMES = [
    "minsu.kim",
    "jiyoung.lee",
    "dh_park",
    "s.choi",
    "eunji",
    "anna.schmidt",
    "tom",
    "daniel+work",
    "k8s-admin",
    "info",
    "hr-team",
    "j.doe99",
]
HOSTS = [
    "example.com",
    "example.co.kr",
    "corp.example.net",
    "hanbit.example",
    "naver.com",
    "gmail.com",
    "mail.company.co.kr",
    "daesung-steel.kr",
    "uni.ac.kr",
    "sub.dept.example.org",
]
BANKS = [
    "국민",
    "신한",
    "우리",
    "하나",
    "농협",
    "기업",
    "카카오뱅크",
    "토스뱅크",
    "새마을금고",
    "우체국",
    "부산",
]
ENGLISH_BANKS = ["Kookmin Bank", "Shinhan bank", "Woori Bank", "Hana Bank", "NH", "IBK", "bank"]

Made = tuple[str, str | None]
"""A text, and the category that it has to be found as."""


class Maker:
    """Makes values up."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def digits(self, count: int) -> str:
        return "".join(self.random.choices("0123456789", k=count))

    def token(self, count: int, letters: str = LETTERS + CAPITALS + "0123456789") -> str:
        return "".join(self.random.choices(letters, k=count - 1)) + self.random.choice("0123456789")

    def day(self, first: date = date(1950, 1, 1), last: date = date(2006, 1, 1)) -> date:
        return first + timedelta(days=self.random.randrange((last - first).days))

    def resident(self, separator: str = "-", *, foreign: bool = False) -> str:
        born = self.day()
        kind = self.random.choice(
            ("56" if foreign else "12") if born.year < 2000 else ("78" if foreign else "34")
        )
        body = f"{born:%y%m%d}{kind}{self.random.randrange(96):02}{self.digits(3)}"
        check = (int(rrn.calc_check_digit(body)) + (2 if foreign else 0)) % 10
        return f"{body[:6]}{separator}{body[6:]}{check}"

    def newborn(self) -> str:
        return f"{self.day(date(2020, 11, 1), date(2026, 6, 1)):%y%m%d}-{self.random.choice('34')}{self.digits(6)}"

    def mobile(self, separator: str = "-") -> str:
        return separator.join(["010", self.random.choice("23456789") + self.digits(3), self.digits(4)])

    def landline(self, separator: str = "-") -> str:
        area = self.random.choice(("02", "031", "051", "053", "062", "042"))
        return f"{area}{separator}{self.random.choice('2345678')}{self.digits(self.random.choice((2, 3)))}-{self.digits(4)}"

    def spoken(self) -> str:
        name = dict(zip("0123456789", "공일이삼사오육칠팔구", strict=True))
        said = "".join(name[digit] for digit in "2" + self.digits(7))
        return f"{said[:4]} {said[4:]}"

    def business(self, separator: str = "-") -> str:
        body = f"{self.random.randrange(101, 900)}{self.random.choice(('81', '86', '87', '88', '05'))}{self.digits(4)}"
        total = sum(a * int(b) for a, b in zip((1, 3, 7, 1, 3, 7, 1, 3, 5), body, strict=True))
        check = (10 - (total + int(body[8]) * 5 // 10) % 10) % 10
        return f"{body[:3]}{separator}{body[3:5]}{separator}{body[5:]}{check}"

    def account(self) -> str:
        form = self.random.choice(
            ((6, 2, 6), (3, 3, 6), (4, 3, 6), (3, 6, 5), (4, 4, 5, 1), (3, 4, 4, 2), (4, 2, 7))
        )
        return "-".join(
            "1" + self.digits(size - 1) if number == 0 else self.digits(size)
            for number, size in enumerate(form)
        )

    def email(self) -> str:
        return f"{self.random.choice(NAMES)}@{self.random.choice(HOSTS)}"

    def hidden_email(self) -> str:
        name, host = self.email().split("@")
        left, right = host.rsplit(".", 1)
        forms = (
            f"{name} (at) {host}",
            f"{name}[at]{host}",
            f"{name}골뱅이{host}",
            f"{name} at {left} dot {right}",
            f"{name}(at){left}(dot){right}",
        )
        return self.random.choice(forms)

    def card(self, separator: str = "-") -> str:
        body = self.random.choice(("4", "51", "53", "55", "9410", "6259", "3560", "2221"))
        body += self.digits(15 - len(body))
        number = body + luhn.calc_check_digit(body)
        return separator.join(number[at : at + 4] for at in range(0, 16, 4))

    def amex(self) -> str:
        body = self.random.choice(("34", "37")) + self.digits(12)
        number = body + luhn.calc_check_digit(body)
        return f"{number[:4]}-{number[4:10]}-{number[10:]}"

    def iban(self) -> str:
        country, length = self.random.choice((("DE", 18), ("AT", 16), ("NL", 0), ("CH", 17)))
        body = self.digits(length) if length else self.random.choice(("ABNA", "INGB")) + self.digits(10)
        check = iban.calc_check_digits(f"{country}00{body}")
        return f"{country}{check}{body}"

    def password(self) -> str:
        word = self.random.choice(WORDS)
        forms = (
            f"{word}{self.digits(4)}!",
            f"{word.title()}#{self.digits(2)}x",
            f"{self.random.choice(LETTERS)}{self.token(11)}",
            f"P@{word}{self.digits(3)}",
            f"{word}-{self.random.choice(WORDS)}-{self.digits(2)}",
        )
        return self.random.choice(forms)

    def jwt(self) -> str:
        parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": self.digits(8), "exp": 1_900_000_000})
        told = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
        return ".".join([*told, self.token(43)])

    def pem(self) -> str:
        lines = "\n".join(self.token(64) for _ in range(6))
        kind = self.random.choice(("RSA ", "OPENSSH ", "EC ", ""))
        return f"-----BEGIN {kind}PRIVATE KEY-----\n{lines}\n-----END {kind}PRIVATE KEY-----"

    def american(self) -> str:
        return f"{self.random.randrange(201, 990)}-{self.random.randrange(200, 999)}-{self.digits(4)}"

    def foreign(self) -> str:
        forms = (
            f"+44 20 {self.digits(4)} {self.digits(4)}",
            f"+1 (415) 555-{self.digits(4)}",
            f"+49 30 {self.digits(8)}",
            f"+81-3-{self.digits(4)}-{self.digits(4)}",
            f"+65 {self.digits(4)} {self.digits(4)}",
            f"+1-212-555-{self.digits(4)}",
        )
        return self.random.choice(forms)

    def version(self) -> str:
        return ".".join(str(self.random.randrange(30)) for _ in range(self.random.choice((2, 3, 4))))


def values(make: Maker) -> dict[str, Callable[[], Made]]:
    """Return how the value of each name is made."""
    pick, number, digits = make.random.choice, make.random.randrange, make.digits
    day = partial(make.day, date(2020, 1, 1), date(2027, 12, 31))

    def known(category: str | None, made: Callable[[], str]) -> Callable[[], Made]:
        return lambda: (made(), category)

    personal = {
        "resident_number": {
            "rrn": make.resident,
            "rrn_bare": lambda: make.resident(""),
            "rrn_space": lambda: make.resident(" - "),
            "rrn_new": make.newborn,
            "frn": lambda: make.resident(foreign=True),
        },
        "phone": {
            "mobile": make.mobile,
            "mobile_bare": lambda: make.mobile(""),
            "mobile_dot": lambda: make.mobile("."),
            "mobile_space": lambda: make.mobile(" "),
            "mobile_82": lambda: "+82-" + make.mobile()[1:],
            "mobile_82_bare": lambda: "+82" + make.mobile("")[1:],
            "mobile_full": lambda: make.mobile().translate(
                {code: code + 0xFEE0 for code in range(0x2D, 0x3A)}
            ),
            "landline": make.landline,
            "landline_paren": lambda: "({}) {}".format(*make.landline().split("-", 1)),
            "landline_82": lambda: "+82 2 " + make.landline()[-9:].lstrip("-").replace("-", " "),
            "phone070": lambda: f"070-{number(2000, 9999)}-{digits(4)}",
            "us_phone": make.american,
            "us_paren": lambda: "({}) {}-{}".format(*make.american().split("-")),
            "intl": make.foreign,
        },
        "passport": {
            "passport": lambda: pick("MSRGD") + digits(8),
            "passport_new": lambda: pick("MSRG") + digits(3) + pick(CAPITALS) + digits(4),
        },
        "driver_licence": {
            "licence": lambda: f"{number(11, 29)}-{digits(2)}-{digits(6)}-{digits(2)}",
            "licence_bare": lambda: f"{number(11, 29)}{digits(10)}",
            "licence_region": lambda: (
                f"{pick(('서울', '경기', '부산', '대전'))} {digits(2)}-{digits(6)}-{digits(2)}"
            ),
        },
        "business_number": {"brn": make.business, "brn_bare": lambda: make.business("")},
        "bank_account": {
            "account": make.account,
            "account_bare": lambda: "1" + digits(pick((10, 11, 12, 13))),
        },
        "email": {"email": make.email, "email_hidden": make.hidden_email},
        "card": {
            "card": make.card,
            "card_space": lambda: make.card(" "),
            "card_bare": lambda: make.card(""),
            "amex": make.amex,
        },
        "iban": {
            "iban": make.iban,
            "iban_space": lambda: re.sub(r"(.{4})(?=.)", r"\1 ", make.iban()),
        },
        "ssn": {"ssn": lambda: f"{number(100, 665)}-{number(10, 99)}-{number(1000, 9999)}"},
        "secret": {
            "password": make.password,
            "digits8": lambda: digits(8),
            "aws": lambda: "AKIA" + make.token(16, CAPITALS + "0123456789"),
            "github": lambda: pick(("ghp_", "gho_")) + make.token(36),
            "openai": lambda: pick(("sk-", "sk-proj-", "sk-ant-")) + make.token(48),
            "slack": lambda: f"xoxb-{digits(12)}-{digits(12)}-{make.token(24)}",
            "stripe": lambda: "sk_live_" + make.token(24),
            "google": lambda: "AIza" + make.token(35),
            "jwt": make.jwt,
            "pem": make.pem,
        },
    }
    harmless: dict[str, Callable[[], str]] = {
        **{f"n{count}": partial(digits, count) for count in range(1, 17)},
        "date8": lambda: f"{day():%Y%m%d}",
        "date": lambda: f"{day():%Y-%m-%d}",
        "date_dot": lambda: f"{day():%Y.%m.%d}",
        "time": lambda: f"{number(24):02}:{number(60):02}",
        "year": lambda: str(number(2019, 2028)),
        "ver": make.version,
        "price": lambda: f"{number(1_000, 90_000_000):,}",
        "ean": lambda: "880" + digits(10),
        "serial": lambda: pick(("SN", "R58", "C02", "PF")) + make.token(10, CAPITALS + "0123456789"),
        "ip": lambda: ".".join(str(number(1, 255)) for _ in range(4)),
        "port": lambda: str(number(1024, 65535)),
        "mac": lambda: ":".join(f"{number(256):02x}" for _ in range(6)),
        "hex8": lambda: f"{number(1 << 32):08x}",
        "hex12": lambda: f"{number(1 << 48):012x}",
        "sha": lambda: f"{number(1 << 128):032x}",
        "epoch10": lambda: str(number(1_500_000_000, 1_900_000_000)),
        "epoch13": lambda: str(number(1_500_000_000_000, 1_900_000_000_000)),
        "uuid": lambda: str(uuid.UUID(int=make.random.getrandbits(128), version=4)),
        "tracking": lambda: pick(("1Z", "JD", "EE")) + digits(14),
        "bank": lambda: pick(BANKS),
        "bank_en": lambda: pick(ENGLISH_BANKS),
    }
    made = {
        name: known(category, each) for category, names in personal.items() for name, each in names.items()
    }
    return made | {name: known(None, each) for name, each in harmless.items()}


def filled(template: str, make: Maker, known: dict[str, Callable[[], Made]]) -> tuple[str, list[list[str]]]:
    """Return a text made from a template, and what is to be found in it."""
    expected: list[list[str]] = []

    def fill(slot: "re.Match[str]") -> str:
        name = slot[1]
        if name == "dsn":
            secret = make.password().replace("@", "x")
            expected.append(["secret", secret])
            return f"postgresql://app:{secret}@db.example.com:5432/main"
        if name == "spoken8":
            said = make.spoken()
            expected.append(["phone", said])
            return said
        if name not in known:
            return str(make.random.choice(name.split("|")))
        text, category = known[name]()
        if category:
            expected.append([category, text])
        return text

    return SLOT.sub(fill, template).replace("\\n", "\n"), expected


def rows(files: dict[str, str], label: str, times: int, seed: int) -> Iterator[dict[str, object]]:
    make = Maker(seed)
    known, seen = values(make), set()
    for part, names in files.items():
        for name in names.split():
            for template in (HERE / "templates" / f"{name}.txt").read_text().splitlines():
                for _ in range(times):
                    text, expected = filled(template, make, known)
                    if text not in seen:
                        seen.add(text)
                        row: dict[str, object] = {"text": text, "part": part}
                        yield row | ({"expected": expected} if label == "pii" else {})


SETS = {
    "pii": (
        {
            "tuned": "pii_ko pii_en",
            "first_look": "pii_ko_first_look pii_en_first_look",
            "held_out": "pii_ko_held_out pii_en_held_out",
        },
        4,
    ),
    "lookalikes": (
        {"tuned": "lookalikes", "first_look": "lookalikes_first_look", "held_out": "lookalikes_held_out"},
        4,
    ),
    "injections": (
        {"tuned": "injections", "first_look": "injections_first_look", "held_out": "injections_held_out"},
        5,
    ),
    "instructions": (
        {
            "tuned": "instructions",
            "first_look": "instructions_first_look",
            "held_out": "instructions_held_out",
        },
        5,
    ),
}


def main() -> None:
    for seed, (name, (files, times)) in enumerate(SETS.items()):
        lines = [json.dumps(row, ensure_ascii=False) for row in rows(files, name, times, seed)]
        (HERE / f"{name}.jsonl").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
