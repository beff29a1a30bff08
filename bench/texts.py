"""Made-up company handbooks in Korean and English, and questions about what stands in them.

The words repeat as they do in such texts: a few hundred stand everywhere, and each section has names of its own
that stand almost nowhere else. The same seed gives the same texts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

SEED = 20


@dataclass(frozen=True)
class Tongue:
    """What texts of one language are made of; in templates stand {subject}, {team}, {system}, {place}, {code}
    and {number}."""

    name: str
    subjects: Sequence[str]
    teams: Sequence[str]
    syllables: Sequence[str]
    heading: str
    sentences: Sequence[str]
    questions: Sequence[str]
    sentences_per_section: int


@dataclass(frozen=True)
class Topic:
    """What one section is about."""

    subject: str
    team: str
    system: str
    place: str
    code: str


KOREAN = Tongue(
    name="ko",
    subjects=(
        *("연차휴가", "출장비 정산", "재택근무", "법인카드 사용", "경조사 휴가", "건강검진", "교육비 지원"),
        *(
            "보안 점검",
            "장비 반납",
            "야간 근무",
            "통근버스",
            "사내 대출",
            "인사 평가",
            "계약 검토",
            "자료 폐기",
        ),
        *("회의실 예약", "방문객 등록", "비밀번호 변경", "육아휴직", "성과급 지급", "품질 검사", "재고 조사"),
        *("고객 환불", "장애 신고", "서버 증설", "개인정보 열람", "특허 출원", "채용 추천", "퇴직금 계산"),
        *("안전 교육", "소방 훈련", "차량 배차", "도서 구입", "복지 포인트", "해외 파견", "협력사 평가"),
    ),
    teams=(
        *("인사팀", "재무팀", "총무팀", "정보보호팀", "법무팀", "구매팀", "시설관리팀", "고객지원팀"),
        *("품질관리팀", "연구기획팀", "해외영업팀", "물류운영팀"),
    ),
    syllables=tuple("가나다라마바사온별솔빛해봄결누리한새담율찬미래호서진태원강윤슬채도경"),
    heading="{place} {subject} 지침 {code}",
    sentences=(
        "{subject} 신청은 {system} 시스템에서 {number}일 전까지 등록해야 합니다.",
        "{place} 사업장에서는 {team} 담당자가 접수한 날부터 이틀 안에 결과를 알립니다.",
        "금액이 {number}만 원을 넘으면 부서장과 {team}의 승인을 차례로 받아야 합니다.",
        "{system} 화면에서 문서 번호 {code}를 입력하면 지난 처리 내역을 볼 수 있습니다.",
        "증빙 서류가 빠진 건은 {number}일 동안 보류한 뒤 신청자에게 돌려보냅니다.",
        "부득이한 사정으로 기한을 넘긴 경우 사유서를 붙여 {team}에 직접 제출합니다.",
        "{subject} 한도는 직급과 관계없이 한 해에 {number}회이며 남은 횟수는 이월되지 않습니다.",
        "외부 업체가 함께하는 작업은 {place} 출입 명단에 미리 올려야 들어갈 수 있습니다.",
        "변경이나 취소는 시작 시각 {number}시간 전까지 {system}에서 할 수 있습니다.",
        "처리가 늦어지면 {team} 대표 번호로 연락해 접수 번호를 알려 주십시오.",
        "모든 기록은 {number}년 동안 보관하며 기간이 지나면 복구할 수 없게 지웁니다.",
        "신입 사원은 수습 기간이 끝난 다음 달부터 {subject} 대상이 됩니다.",
        "지침 {code}은 해마다 두 번 검토하고 바뀐 내용은 사내 게시판에 올립니다.",
        "같은 내용을 두 번 신청하면 나중 것만 남고 먼저 것은 자동으로 취소됩니다.",
        "{place}에서 근무하는 계약직 직원에게도 같은 기준을 적용합니다.",
        "담당자가 자리를 비운 동안에는 {system}에 지정한 대리인이 결재합니다.",
    ),
    questions=(
        "{place}에서 {subject} 신청은 며칠 전까지 해야 하나요?",
        "{system} 시스템으로 {subject} 변경이나 취소를 하려면 언제까지 가능한가요?",
        "{code} 지침에서 {subject} 한도가 한 해에 몇 회인지 알려 주세요.",
        "{subject} 서류가 빠지면 {team}은 어떻게 처리하나요?",
        "{place} 사업장의 {subject} 결과는 {team}이 언제 알려 주나요?",
        "{subject} 기록은 {system}에 몇 년 동안 보관되나요?",
    ),
    sentences_per_section=10,
)

ENGLISH = Tongue(
    name="en",
    subjects=(
        *("annual leave", "travel expenses", "remote work", "company cards", "bereavement leave"),
        *("health checks", "training budgets", "security reviews", "equipment returns", "night shifts"),
        *("shuttle seats", "staff loans", "performance reviews", "contract approval", "data disposal"),
        *("room bookings", "visitor passes", "password resets", "parental leave", "bonus payments"),
        *("quality audits", "stock counts", "customer refunds", "outage reports", "server capacity"),
        *("privacy requests", "patent filings", "hiring referrals", "pension questions", "safety courses"),
        *("fire drills", "pool cars", "book purchases", "wellness points", "overseas postings"),
    ),
    teams=(
        *(
            "People Team",
            "Finance Desk",
            "Office Services",
            "Security Office",
            "Legal Counsel",
            "Procurement",
        ),
        *("Facilities", "Customer Care", "Quality Control", "Research Planning", "Export Sales", "Logistics"),
    ),
    syllables=(
        *(
            "vel",
            "mo",
            "ra",
            "nor",
            "tis",
            "ka",
            "len",
            "dro",
            "sia",
            "bur",
            "fen",
            "qua",
            "ri",
            "tol",
            "mer",
        ),
        *(
            "ost",
            "cal",
            "vi",
            "den",
            "pra",
            "lu",
            "zan",
            "hal",
            "per",
            "gi",
            "tra",
            "mun",
            "sel",
            "bo",
            "wyn",
        ),
    ),
    heading="{subject} in {place}, guideline {code}",
    sentences=(
        "Requests about {subject} are entered in {system} no later than {number} days ahead.",
        "At {place} the {team} answers within two working days of receiving a complete form.",
        "Amounts above {number} thousand need the approval of a line manager and then of the {team}.",
        "Typing {code} into the search field of {system} lists everything that was handled before.",
        "A case with missing receipts rests for {number} days and is then sent back to its author.",
        "Whoever misses a deadline for a good reason hands a short explanation to the {team} in person.",
        "The yearly limit for {subject} is {number} cases for every grade, and unused ones do not carry over.",
        "Outside contractors must stand on the entrance list of {place} before they may come in.",
        "Changes and cancellations are possible in {system} until {number} hours before the start.",
        "If nothing happens for a week, call the {team} and mention the number of your case.",
        "Records are kept for {number} years and are erased for good when that time is over.",
        "New colleagues are covered by the rules on {subject} from the month after their probation.",
        "Guideline {code} is reviewed twice a year, and every change is announced on the intranet.",
        "When the same thing is requested twice, the later request stays and the earlier one is withdrawn.",
        "Temporary staff who work at {place} are treated exactly as everybody else in this respect.",
        "While the person in charge is away, the deputy named in {system} signs on their behalf.",
    ),
    questions=(
        "How many days ahead do I have to request {subject} at {place}?",
        "Until when can I change or cancel {subject} in {system}?",
        "What is the yearly limit for {subject} according to guideline {code}?",
        "What does the {team} do when receipts for {subject} are missing?",
        "How long are records about {subject} kept in {system}?",
        "Who signs for {subject} at {place} while the {team} is away?",
    ),
    sentences_per_section=6,
)

TONGUES = (KOREAN, ENGLISH)
NAMES = 1_500
TOPICS = 5_000


def handbook(tongue: Tongue, number: int, sections: int) -> str:
    """Return a Markdown file whose sections become a passage each."""
    random = Random(f"{tongue.name}-{number}-{SEED}")
    topics = _topics(tongue)
    return "\n\n".join(_section(tongue, random.choice(topics), random) for _ in range(sections))


def questions(how_many: int) -> list[str]:
    """Return so many different questions, Korean and English in turn."""
    asked = [_different_questions(tongue) for tongue in TONGUES]
    return [next(asked[at % len(asked)]) for at in range(how_many)]


def _different_questions(tongue: Tongue) -> Iterator[str]:
    random = Random(SEED)
    topics, asked = _topics(tongue), set[str]()
    while True:
        question = _filled(random.choice(tongue.questions), random.choice(topics), random)
        if question not in asked:
            asked.add(question)
            yield question


def _topics(tongue: Tongue) -> list[Topic]:
    random = Random(f"{tongue.name}-{SEED}")
    names = [_name(tongue, random) for _ in range(NAMES)]
    return [
        Topic(
            subject=random.choice(tongue.subjects),
            team=random.choice(tongue.teams),
            system=random.choice(names),
            place=random.choice(names),
            code=f"{random.choice('ABCDEFGH')}{random.choice('KLMNPR')}-{random.randrange(1_000, 10_000)}",
        )
        for _ in range(TOPICS)
    ]


def _name(tongue: Tongue, random: Random) -> str:
    return "".join(random.choices(tongue.syllables, k=random.choice((2, 3)))).capitalize()


def _section(tongue: Tongue, topic: Topic, random: Random) -> str:
    heading = _filled(tongue.heading, topic, random)
    sentences = random.sample(tongue.sentences, tongue.sentences_per_section)
    text = " ".join(_filled(sentence, topic, random) for sentence in sentences)
    return f"## {heading}\n\n{text}"


def _filled(template: str, topic: Topic, random: Random) -> str:
    filled = template.format(**vars(topic), number=random.randrange(2, 90))
    return filled[0].upper() + filled[1:]
