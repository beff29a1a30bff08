"""Words that weigh less in a question, and words that mean the same at work. Kept as people write them."""

from functools import cache

from src.shared.language import search_terms, word_set

# Words of asking itself: they say that something is asked, never what.
_ASKING = """
안녕 감사 고맙 알려 궁금 궁금하다 궁금해 알 가르쳐 설명해 설명 질문 답변 대답 혹시 얼마 얼마나 며칠 언제
누구 어디 무엇 어떻게 어떤 몇 뭐 왜 모르 싶 알고 알려줘 알려주세요 말해 찾아 보여 부탁 정확히 대략 보통
그냥 정도 도대체 그럼 그러면 defin define tell call called know explain describe show wonder wondering
ask question answer got find please curious say said okay ok hi hello hey dear thanks
"""

# Words of almost every question in a company: they help, but alone they are no evidence.
_LIGHT = """
돈 사내 시간 번호 가능 경우 때 회사 직원 임직원 사람 방법 관련 대한 대하다 필요 사용 이용 받 쓰 가 오
나오 나가 들 내 넣 만들 지키 먹 걸리 얻 말하다 의미 뜻 종류 내용 이유 목적 기간 기준 규정 절차 제도 정책
지금 현재 이번 다음 하루 전 후 안 중 시 번 수 것 곳 일 이름 내년 올해 작년 역할 특징 예 예시 최대 최소
전체 총 모두 각각 바로 직접 미리 따로 처음 하나 둘 개 쪽 점 생기 진행 처리 해당 대상 지급 있 없 크 많 좋
되 알아보 하려 만약 다른 여러 주로 실제 use using work working take make need want allow allowed able
possible happen company employee people person thing way time go come help include provide receive
available kind type sort number amount name mean meaning definition call called average best good
difference different example day long often late soon old much many get give put keep let try look see
new current first last normal usual usually currently actually exactly like one two year month rule
money high big large tall heavy policy maximum minimum limit total main used common become
"""

# What everything at work has: a question that names nothing else is about what was asked before.
_ASPECTS = """
신청 신청서 승인 결재 제출 서류 증빙 양식 한도 마감 기한 담당 담당자 유급 무급 비용 요금 취소 변경 연장 수령 발급
예약 문의 연락 연락처 전화 위치 장소 조건 자격 반납 이월 소멸 평가 등록 예외 주기 횟수 단위 내역 일주일 한도액
apply application approve approval approver deadline paid unpaid pay notice form proof cost costs eligible
expire expiry submit cancel extend extension document documents exception request register registration
depend week weeks hour hours date floor price fee condition conditions requirement requirements step steps
"""

# Each line: words taken for one another. People ask for a "taxi", rules speak of "cabs".
_SAME = """
비번 패스워드 비밀번호
월급 급여 임금 봉급
휴가 연차 쉬다
출산 분만
분실 분실하다 잃어버리다 잃다
고장 고장나다 망가지다 수리
노트북 랩톱 PC 컴퓨터
식대 식비 점심 점심값 식사
밥값 식비 식대
교통비 택시비 택시
퇴사 퇴직 그만두다
입사 신입 신규
결혼 혼인
금액 비용
영수증 증빙
상사 팀장 관리자
결재 승인 허락
재택 원격
피싱 스팸
자동차 차량 자가용
기름 유류 주유
호텔 숙박 숙소
할머니 할아버지 조부모
돌아가다 사망 별세
바꾸다 변경 교체
늦다 지각
아프다 병가 질병
시작 개시
끝나다 종료 마감
사다 구매 구입
돌려주다 반납
옮기다 이월 넘기다
고치다 수정 수리
vacation holiday pto leave
remote home telework wfh
laptop computer notebook
boss manager supervisor
salary pay wage paid paycheck payday
reimburse refund repay claim
sick ill illness
quit resign leaving resignation
내다 제출 내
치료 진료
lost lose losing stolen
maternity birth baby parental
paternity parental
begin start
finish end
lunch meal food
taxi cab uber
bonus award
password passphrase
car vehicle
mile mileage
eu european
hr personnel
bike bicycle cycle
receipt proof
approve approval sign
change replace rotate
rollover carry
phone mobile
dog dogs pet pets
colleague coworker
course training class
gym fitness
wedding marry marriage married
died death bereavement funeral
doctor medical physician
kids children child
found founded founder establish established
buy bought purchase acquire acquired acquisition
invented invent inventor
"""


def _terms(words: str) -> frozenset[str]:
    """Return the words in the form that the analyser gives them, and as verbs of the dictionary form."""
    listed = word_set(words)
    return (
        frozenset(term for word in listed for term in search_terms(word))
        | {word + "다" for word in listed}
        | listed
    )


@cache
def asking_words() -> frozenset[str]:
    return _terms(_ASKING)


@cache
def light_words() -> frozenset[str]:
    return _terms(_LIGHT)


@cache
def aspects() -> frozenset[str]:
    return _terms(_ASPECTS)


@cache
def synonyms() -> dict[str, frozenset[str]]:
    """Return for each term the terms that stand for the same thing."""
    same: dict[str, frozenset[str]] = {}
    for line in _SAME.strip().splitlines():
        words = line.split()
        terms = frozenset(words) | {term for word in words for term in search_terms(word)[:1]}
        for term in terms:
            same[term] = same.get(term, frozenset()) | (terms - {term})
    return same
