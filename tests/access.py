"""Who may see what: rules small enough to be believed, and a look through every door at what is shown."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

import httpx

from src.infrastructure.settings import ChatSettings, Settings
from src.shared.events.bus import EventBus
from src.shared.events.knowledge import PassagesRequested, ReadableDocumentsRequested
from tests.builders import UNKNOWN_ID, Person, Platform, platform_on
from tests.doors import answered
from tests.fakes import CitingModel, HashedWords, ParagraphReader

EVERYWHERE = "shared"
"""A word that stands in every passage."""
NOWHERE = "unheard"
"""A word that stands in no passage: what it finds, it finds by meaning."""
ASSISTANT = "Librarian"
"""A profile for everybody that knows all that its asker may read."""
MOST = 50
"""Passages that a search or an answer gives at the most; tests keep below it."""


class Shown(NamedTuple):
    """A passage, as somebody is shown it."""

    document_id: str
    title: str
    text: str


@dataclass(frozen=True)
class Paper:
    """A document: where it stands, its name, and its live version's passages.

    One with an owner was put into a session by them.
    """

    collection_id: str
    title: str
    texts: tuple[str, ...]
    owner_id: str | None = None
    session_id: str | None = None

    @property
    def content(self) -> bytes:
        return "\n\n".join(self.texts).encode()


@dataclass
class Rules:
    """The reference: what there is, who is in which group, and therefore who may see what."""

    groups: set[str] = field(default_factory=set)
    groups_of: dict[str, set[str]] = field(default_factory=dict)
    readers: dict[str, set[str]] = field(default_factory=dict)
    papers: dict[str, Paper] = field(default_factory=dict)
    admins: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)

    def readable(self, person: Person) -> set[str]:
        """The collections whose texts a person may read; an administrator has no more than others."""
        groups = self.groups_of.get(person.id, set())
        return {each for each, readers in self.readers.items() if not readers or readers & groups}

    def visible(self, person: Person) -> set[str]:
        """The collections that a person may see the documents of."""
        return set(self.readers) if person.id in self.admins else self.readable(person)

    def may_see(self, person: Person, paper: Paper) -> bool:
        if paper.owner_id:
            return paper.owner_id == person.id
        return paper.collection_id in self.visible(person)

    def may_read(self, person: Person, paper: Paper) -> bool:
        return paper.owner_id == person.id or paper.collection_id in self.readable(person)

    def passages(self, person: Person, within: Collection[str] | None = None) -> Counter[Shown]:
        """What a person may be shown, each once."""
        collections = self.readable(person) if within is None else self.readable(person) & set(within)
        return _texts(self.papers, lambda paper: paper.collection_id in collections)

    def attached(self, person: Person, session_id: str) -> Counter[Shown]:
        """What a person may be shown in their session beside that."""
        return _texts(
            self.papers, lambda paper: (paper.owner_id, paper.session_id) == (person.id, session_id)
        )


def _texts(papers: Mapping[str, Paper], chosen: Callable[[Paper], bool]) -> Counter[Shown]:
    return Counter(
        Shown(document_id, paper.title, text)
        for document_id, paper in papers.items()
        if chosen(paper)
        for text in paper.texts
    )


@dataclass(frozen=True)
class Kept:
    """An answer that somebody was given, what it cited then, and the link by which others read it."""

    owner: Person
    message_id: str
    token: str
    cited: Counter[Shown]


@asynccontextmanager
async def searching_platform(settings: Settings, **ports: object) -> AsyncIterator[Platform]:
    """A platform whose search has both of its arms, and whose answers cite all that they are given."""
    chat = settings.model_copy(update={"chat": ChatSettings(passages=MOST)})
    fakes = {"embedder": HashedWords(), "reader": ParagraphReader(), "model": CitingModel()}
    async with platform_on(chat, **{**fakes, **ports}) as platform:
        yield platform


async def signed_up(platform: Platform, *names: str) -> list[Person]:
    """Sign people up; the first one, who manages everything, makes a profile for everybody."""
    people = [await platform.sign_up(name) for name in names]
    await people[0].post("/chat/profiles", {"name": ASSISTANT})
    return people


async def searched(
    person: Person, query: str, within: Iterable[str] | None = None
) -> tuple[Counter[Shown], set[str]]:
    """Return what a search finds, and by which arms."""
    body = {"query": query, "limit": MOST, "collection_ids": None if within is None else list(within)}
    passages = (await person.post("/knowledge/search", body))["passages"]
    return shown(passages), {match["arm"] for passage in passages for match in passage["matches"]}


def shown(passages: Iterable[dict[str, Any]]) -> Counter[Shown]:
    return Counter(Shown(each["document_id"], each["title"], each["text"]) for each in passages)


async def check_searches(person: Person, rules: Rules, *narrowed: Collection[str]) -> None:
    """Searches find what the rules allow and nothing else: at once by words, by meaning a little later.

    `narrowed` are collections to search within, also such as the person may not read or that are gone: whoever
    knows an id can ask for it.
    """
    both = f"{EVERYWHERE} {NOWHERE}"
    assert (await searched(person, both))[0] == rules.passages(person)
    for within in narrowed:
        assert (await searched(person, both, within))[0] == rules.passages(person, within)
    async with asyncio.timeout(10):
        while True:
            found, arms = await searched(person, NOWHERE)
            assert found <= rules.passages(person)
            if found == rules.passages(person):
                break
            await asyncio.sleep(0.005)  # vectors are made in the background: nothing else tells
    assert arms == ({"meaning"} if found else set())


async def check_answers(person: Person, rules: Rules) -> Kept:
    """An answer cites what the rules allow, which here is all that its model was given. Return it, shared."""
    message = f"{EVERYWHERE} {NOWHERE}"
    answer = await person.ask(message)
    assert shown(answer["citations"]) == rules.passages(person)
    path = f"/chat/sessions/{answer['session_id']}/messages"
    streamed = await person.call("POST", path, json={"content": message, "stream": True})
    texts = {each.text for each in rules.passages(person)}
    assert all(text in streamed.text for text in texts)
    assert streamed.text.count(EVERYWHERE) == len(texts)
    told = (await answered(person, message, model=ASSISTANT))["choices"][0]["message"]
    assert shown(told["citations"]) == rules.passages(person)
    share = await person.post(f"/chat/sessions/{answer['session_id']}/share")
    return Kept(person, answer["message_id"], share["token"], shown(answer["citations"]))


async def check_kept(person: Person, rules: Rules, kept: Iterable[Kept]) -> None:
    """Of what an answer cited a person is shown what they may read now, whoever was given it."""
    for answer in kept:
        papers = {each: rules.papers.get(each.document_id) for each in answer.cited}
        may = {each for each, paper in papers.items() if paper and rules.may_read(person, paper)}
        [_question, shared, *_later] = (await person.get(f"/chat/shared/{answer.token}"))["messages"]
        doors = [shared]
        if person is answer.owner:
            doors.append(await person.get(f"/chat/messages/{answer.message_id}"))
        for message in doors:
            assert shown(message["citations"]) == Counter({each: answer.cited[each] for each in may})


async def check_session(person: Person, rules: Rules, bus: EventBus, session_id: str) -> None:
    """In a session a person finds what they have put into it, beside what is shared; and it is listed there."""
    groups = tuple(UUID(each) for each in rules.groups_of.get(person.id, ()))
    asked = PassagesRequested(
        query=f"{EVERYWHERE} {NOWHERE}",
        group_ids=groups,
        limit=MOST,
        user_id=UUID(person.id),
        session_id=UUID(session_id),
    )
    own = rules.attached(person, session_id)
    for within, shared in ((None, rules.passages(person)), ((), Counter[Shown]())):
        found = await bus.request(asked.model_copy(update={"collection_ids": within}), timeout=5)
        assert shown(each.model_dump(mode="json") for each in found.passages) == shared + own
    listed = (await person.get(f"/knowledge/sessions/{session_id}/documents"))["items"]
    assert {each["id"] for each in listed} == {each.document_id for each in own}


async def check_readable(person: Person, rules: Rules, bus: EventBus, documents: Collection[str]) -> None:
    """Who asks over the bus which documents somebody may read hears what the doors would say."""
    groups = tuple(UUID(each) for each in rules.groups_of.get(person.id, ()))
    ids = tuple(map(UUID, documents))
    asked = ReadableDocumentsRequested(document_ids=ids, user_id=UUID(person.id), group_ids=groups)
    found = await bus.request(asked, timeout=5)
    papers = {each: rules.papers[each] for each in documents if each in rules.papers}
    assert sorted(map(str, found.document_ids)) == sorted(
        each for each, paper in papers.items() if rules.may_read(person, paper)
    )


async def check_lists(person: Person, rules: Rules) -> None:
    """Lists name what a person may see."""
    listed = (await person.get("/knowledge/collections", params={"limit": 200}))["items"]
    assert {each["id"] for each in listed} == rules.visible(person)
    papers = Counter(paper.collection_id for paper in rules.papers.values())
    assert {each["id"]: each["document_count"] for each in listed if papers[each["id"]]} == {
        each: papers[each] for each in rules.visible(person) if papers[each]
    }


async def check_doors(
    person: Person, rules: Rules, collections: Iterable[str], documents: Iterable[str]
) -> None:
    """By their ids, too, people get what they may see; for the rest they hear what is said of what never was."""
    visible = rules.visible(person)
    for each in collections:
        for door in ("/collections/{}", "/collections/{}/documents"):
            answer = await looked_at(person, door, each, each in visible)
            if answer and door.endswith("documents"):
                listed = {item["id"] for item in answer.json()["items"]}
                assert listed == {id for id, paper in rules.papers.items() if paper.collection_id == each}
    for each in documents:
        paper = rules.papers.get(each)
        await looked_at(person, "/documents/{}", each, paper and rules.may_see(person, paper))
        may_read = paper and rules.may_read(person, paper)
        content = await looked_at(person, "/documents/{}/content", each, may_read)
        passages = await looked_at(person, "/documents/{}/passages", each, may_read)
        if paper and content and passages:
            assert content.content == paper.content
            assert [item["text"] for item in passages.json()["items"]] == list(paper.texts)


async def looked_at(person: Person, door: str, id: str, may: object) -> httpx.Response | None:
    """Return the answer; None when it rightly is the one that an id gets that there never was."""
    answer = await person.call("GET", f"/knowledge{door.format(id)}")
    if may:
        assert answer.status_code == 200, answer.text
        return answer
    never_was = await person.call("GET", f"/knowledge{door.format(UNKNOWN_ID)}")
    assert answer.status_code == 404
    assert _said(answer) == _said(never_was)
    return None


def _said(problem: httpx.Response) -> dict[str, Any]:
    return {key: value for key, value in problem.json().items() if key != "request_id"}
