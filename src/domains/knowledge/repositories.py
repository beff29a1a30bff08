"""Named queries of knowledge."""

from collections.abc import Collection as Ids
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import selectinload

from src.domains.knowledge.models import (
    Collection,
    CollectionGroup,
    Document,
    DocumentVersion,
    PassageVector,
    StoredPassage,
)
from src.infrastructure.database.unit_of_work import UnitOfWork


class VersionState(NamedTuple):
    """How a version fares, and what has been read of it."""

    status: str
    reason: str | None
    pages_done: int
    passage_count: int

    @property
    def has_ended(self) -> bool:
        return self.status in ("ready", "failed")


def readable_by(group_ids: Ids[UUID]) -> ColumnElement[bool]:
    """Whether a collection may be read by somebody in these groups. The twin of `may_read`, in SQL."""
    return or_(~Collection.readers.any(), Collection.readers.any(CollectionGroup.group_id.in_(group_ids)))


READY_PASSAGES = (
    select(
        StoredPassage.id.label("passage_id"),
        StoredPassage.location,
        StoredPassage.text,
        Document.id.label("document_id"),
        Document.collection_id,
        Document.title,
    )
    .join(
        Document,
        and_(Document.id == StoredPassage.document_id, Document.live_version_id == StoredPassage.version_id),
    )
    .where(StoredPassage.id.in_(bindparam("passage_ids", expanding=True)))
)
READERS = select(CollectionGroup.collection_id, CollectionGroup.group_id).where(
    CollectionGroup.collection_id.in_(bindparam("collection_ids", expanding=True))
)
"""Every turn asks these: built once, columns instead of objects."""


class CollectionRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, collection: Collection) -> None:
        self._uow.session.add(collection)
        self._uow.session.flush()

    def get(self, collection_id: UUID) -> Collection | None:
        return self._uow.session.get(Collection, collection_id, options=[selectinload(Collection.readers)])

    def readable(self, collection_id: UUID, group_ids: Ids[UUID]) -> Collection | None:
        query = select(Collection).where(Collection.id == collection_id, readable_by(group_ids))
        return self._uow.session.scalar(query.options(selectinload(Collection.readers)))

    def by_name(self, name: str) -> Collection | None:
        return self._uow.session.scalar(select(Collection).where(Collection.name == name))

    def page(self, group_ids: Ids[UUID] | None, after: UUID | None, limit: int) -> Sequence[Collection]:
        """Return collections readable by the groups, or all of them when `group_ids` is None."""
        query = select(Collection).options(selectinload(Collection.readers)).order_by(Collection.id)
        if group_ids is not None:
            query = query.where(readable_by(group_ids))
        if after:
            query = query.where(Collection.id > after)
        return self._uow.session.scalars(query.limit(limit)).all()

    def all(self) -> Sequence[Collection]:
        return self._uow.session.scalars(select(Collection).options(selectinload(Collection.readers))).all()

    def readers(self, collection_ids: Ids[UUID]) -> dict[UUID, frozenset[UUID]]:
        """Return the groups that may read each of the collections; none of them: everyone signed in may."""
        readers: dict[UUID, set[UUID]] = {collection_id: set() for collection_id in collection_ids}
        rows = self._uow.connection.execute(READERS, {"collection_ids": list(collection_ids)})
        for collection_id, group_id in rows:
            readers[collection_id].add(group_id)
        return {collection_id: frozenset(groups) for collection_id, groups in readers.items()}

    def document_counts(self, collection_ids: Ids[UUID]) -> dict[UUID, int]:
        query = select(Document.collection_id, func.count()).where(Document.collection_id.in_(collection_ids))
        return {row[0]: row[1] for row in self._uow.session.execute(query.group_by(Document.collection_id))}

    def delete(self, collection: Collection) -> None:
        self._uow.session.delete(collection)


class DocumentRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, document: Document) -> None:
        self._uow.session.add(document)
        self._uow.session.flush()

    def get(self, document_id: UUID) -> Document | None:
        return self._uow.session.get(Document, document_id)

    def kept(self, document_id: UUID, *, changing: bool) -> Document | None:
        """Return the document, locked against deletion and, when `changing`, against other changes.

        Whoever locks a document and versions of it takes the document first, or would meet a deadlock.
        """
        return self._uow.session.get(
            Document, document_id, with_for_update={"read": not changing, "key_share": True}
        )

    def by_source(self, collection_id: UUID, source: str) -> Document | None:
        query = select(Document).where(Document.collection_id == collection_id, Document.source == source)
        return self._uow.session.scalar(query)

    def page(self, collection_id: UUID, after: UUID | None, limit: int) -> Sequence[Document]:
        query = select(Document).where(Document.collection_id == collection_id).order_by(Document.id)
        return self._uow.session.scalars(
            (query.where(Document.id > after) if after else query).limit(limit)
        ).all()

    def ids_below(self, collection_id: UUID, prefix: str) -> dict[str, UUID]:
        """Return the ids of documents whose source begins so, by their sources."""
        query = select(Document.source, Document.id).where(Document.collection_id == collection_id)
        query = query.where(Document.source.startswith(prefix, autoescape=True))
        # SQLite's LIKE takes capitals and small letters for the same.
        return {row[0]: row[1] for row in self._uow.session.execute(query) if row[0].startswith(prefix)}

    def with_passages(self, after: UUID | None, limit: int) -> Sequence[UUID]:
        query = select(Document.id).where(exists().where(StoredPassage.document_id == Document.id))
        return self._uow.session.scalars(
            (query.where(Document.id > after) if after else query).order_by(Document.id).limit(limit)
        ).all()

    def delete(self, document: Document) -> None:
        self._uow.session.delete(document)


class VersionRepository:
    """The versions of documents, which are the queue of the ingestion too."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, version: DocumentVersion) -> None:
        self._uow.session.add(version)

    def all_ids(self) -> Sequence[UUID]:
        return self._uow.session.scalars(select(DocumentVersion.id)).all()

    def ids_in(self, collection_id: UUID) -> dict[UUID, list[UUID]]:
        """Return the ids of all versions in a collection, by their documents' ids."""
        query = select(Document.id, DocumentVersion.id).join_from(DocumentVersion, Document)
        ids: dict[UUID, list[UUID]] = {}
        for document_id, version_id in self._uow.session.execute(
            query.where(Document.collection_id == collection_id)
        ):
            ids.setdefault(document_id, []).append(version_id)
        return ids

    def of_documents(self, document_ids: Ids[UUID]) -> dict[UUID, list[DocumentVersion]]:
        """Return the versions of each of the documents, oldest first."""
        query = select(DocumentVersion).where(DocumentVersion.document_id.in_(document_ids))
        versions: dict[UUID, list[DocumentVersion]] = {each: [] for each in document_ids}
        for version in self._uow.session.scalars(query.order_by(DocumentVersion.number)):
            versions[version.document_id].append(version)
        return versions

    def newest(self, document_id: UUID) -> DocumentVersion | None:
        query = select(DocumentVersion).where(DocumentVersion.document_id == document_id)
        return self._uow.session.scalar(query.order_by(DocumentVersion.number.desc()).limit(1))

    def count_unread(self) -> int:
        query = select(func.count()).where(DocumentVersion.status.in_(("pending", "processing")))
        return self._uow.session.scalar(query) or 0

    def next_unread(self, now: datetime) -> DocumentVersion | None:
        """Return the oldest version that nobody reads and that may be tried now, locked."""
        due = or_(DocumentVersion.not_before.is_(None), DocumentVersion.not_before <= now)
        query = select(DocumentVersion).where(
            or_(
                and_(DocumentVersion.status == "pending", due),
                and_(DocumentVersion.status == "processing", DocumentVersion.leased_until <= now),
            )
        )
        query = query.order_by(DocumentVersion.id).limit(1)
        return self._uow.session.scalar(query.with_for_update(skip_locked=True))

    def is_read(self, now: datetime) -> bool:
        """Tell whether somebody reads any version at the moment."""
        reads = exists().where(DocumentVersion.status == "processing", DocumentVersion.leased_until > now)
        return bool(self._uow.session.scalar(select(reads)))

    def states(self, version_ids: Ids[UUID]) -> dict[UUID, VersionState]:
        """Return how each of the versions fares that are still there."""
        columns = (DocumentVersion.status, DocumentVersion.reason)
        figures = (DocumentVersion.pages_done, DocumentVersion.passage_count)
        query = select(DocumentVersion.id, *columns, *figures).where(DocumentVersion.id.in_(version_ids))
        return {row[0]: VersionState(*row[1:]) for row in self._uow.session.execute(query)}

    def leased(self, version_id: UUID, run: str) -> DocumentVersion | None:
        """Return the version, locked, if this run still has the lease of it."""
        version = self._uow.session.get(DocumentVersion, version_id, with_for_update=True)
        return version if version and version.leased_by == run else None

    def prolong(
        self, version_id: UUID, run: str, until: datetime, pages_done: int, pages_total: int | None
    ) -> bool:
        """Renew the lease and save the progress; tell whether this run still had it."""
        leased = DocumentVersion.id == version_id, DocumentVersion.leased_by == run
        changed = update(DocumentVersion).where(*leased)
        result = self._uow.session.execute(
            changed.values(leased_until=until, pages_done=pages_done, pages_total=pages_total)
            .returning(DocumentVersion.id)
            .execution_options(synchronize_session=False)
        )
        return result.first() is not None

    def end_leases(self, now: datetime) -> None:
        self._uow.session.execute(
            update(DocumentVersion).where(DocumentVersion.status == "processing").values(leased_until=now)
        )

    def delete_unread(self, document_id: UUID) -> Sequence[UUID]:
        """Delete versions of the document that wait or have failed, and return their ids."""
        return self._delete(document_id, DocumentVersion.status.in_(("pending", "failed")))

    def delete_older(self, version: DocumentVersion) -> Sequence[UUID]:
        """Delete what came before this version, with its passages, and return the ids."""
        return self._delete(version.document_id, DocumentVersion.number < version.number)

    def _delete(self, document_id: UUID, condition: ColumnElement[bool]) -> Sequence[UUID]:
        statement = delete(DocumentVersion).where(DocumentVersion.document_id == document_id, condition)
        return self._uow.session.scalars(
            statement.returning(DocumentVersion.id).execution_options(synchronize_session=False)
        ).all()


class PassageRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def replace(self, version_id: UUID, passages: Sequence[StoredPassage]) -> None:
        self._uow.session.execute(delete(StoredPassage).where(StoredPassage.version_id == version_id))
        self._uow.session.add_all(passages)

    def of_document(self, document_id: UUID) -> Sequence[tuple[StoredPassage, Document]]:
        """Return what an index takes: the passages of the live version and those that are prepared."""
        query = select(StoredPassage, Document).join(Document, StoredPassage.document_id == Document.id)
        rows = self._uow.session.execute(
            query.where(Document.id == document_id).order_by(StoredPassage.version_id, StoredPassage.ordinal)
        )
        return [(passage, document) for passage, document in rows]

    def page(self, version_id: UUID, after: int, limit: int) -> Sequence[StoredPassage]:
        """Return passages of a version in reading order, from behind an ordinal."""
        query = select(StoredPassage).where(StoredPassage.version_id == version_id)
        query = query.where(StoredPassage.ordinal > after).order_by(StoredPassage.ordinal)
        return self._uow.session.scalars(query.limit(limit)).all()

    def ordinal(self, version_id: UUID, passage_id: UUID) -> int | None:
        of_version = StoredPassage.id == passage_id, StoredPassage.version_id == version_id
        return self._uow.session.scalar(select(StoredPassage.ordinal).where(*of_version))

    def ready(self, passage_ids: Ids[UUID]) -> dict[UUID, RowMapping]:
        """Return those of the passages that are live, by their ids."""
        found = self._uow.connection.execute(READY_PASSAGES, {"passage_ids": list(passage_ids)})
        return {row["passage_id"]: row for row in found.mappings()}


@dataclass(frozen=True)
class PassageToEmbed:
    passage_id: UUID
    ordinal: int
    location: str
    text: str


class VectorRepository:
    """Vectors of passages, and which versions still want theirs."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def models(self) -> Sequence[str]:
        """Return the names of the models that versions were embedded by, the most common first."""
        query = select(DocumentVersion.embedded_by).where(DocumentVersion.embedded_by.is_not(None))
        counted = query.group_by(DocumentVersion.embedded_by).order_by(func.count().desc())
        return [name for name in self._uow.session.scalars(counted) if name]

    def next_unembedded(
        self, model: str, now: datetime, *, claiming: bool = False
    ) -> tuple[DocumentVersion, Document] | None:
        """Return a live version without vectors of this model that nobody is making, those without any first.

        When `claiming` it is locked, and what others have locked is passed over.
        """
        free = or_(DocumentVersion.embedding_until.is_(None), DocumentVersion.embedding_until <= now)
        for query in _unembedded(model):
            query = query.where(free).limit(1)
            if claiming:
                query = query.with_for_update(of=DocumentVersion, skip_locked=True)
            for version, document in self._uow.session.execute(query):
                return version, document
        return None

    def is_any_unembedded(self, model: str) -> bool:
        return any(self._uow.session.execute(query.limit(1)).first() for query in _unembedded(model))

    def locked(self, version_id: UUID) -> DocumentVersion | None:
        return self._uow.session.get(DocumentVersion, version_id, with_for_update=True)

    def end_leases(self, now: datetime) -> None:
        expired = update(DocumentVersion).where(DocumentVersion.embedding_until > now)
        self._uow.session.execute(expired.values(embedding_until=None))

    def missing(self, version_id: UUID, model: str, after: int, limit: int) -> Sequence[PassageToEmbed]:
        """Return passages of the version without a vector, in reading order, from behind an ordinal."""
        vector = and_(PassageVector.passage_id == StoredPassage.id, PassageVector.model == model)
        query = (
            select(StoredPassage.id, StoredPassage.ordinal, StoredPassage.location, StoredPassage.text)
            .outerjoin(PassageVector, vector)
            .where(StoredPassage.version_id == version_id, StoredPassage.ordinal > after)
            .where(PassageVector.passage_id.is_(None))
            .order_by(StoredPassage.ordinal)
            .limit(limit)
        )
        return [PassageToEmbed(*row) for row in self._uow.session.execute(query)]

    def add(self, vectors: Iterable[PassageVector]) -> None:
        self._uow.session.add_all(vectors)

    def of_document(self, document_id: UUID, model: str) -> dict[UUID, NDArray[np.float32]]:
        query = (
            select(PassageVector.passage_id, PassageVector.vector)
            .join(StoredPassage, StoredPassage.id == PassageVector.passage_id)
            .where(StoredPassage.document_id == document_id, PassageVector.model == model)
        )
        rows = self._uow.session.execute(query)
        return {row[0]: np.frombuffer(row[1], dtype="<f2").astype(np.float32) for row in rows}

    def delete_foreign(self, model: str, limit: int) -> int:
        """Delete some of other models' vectors; return how many."""
        foreign = select(PassageVector.passage_id).where(PassageVector.model != model).limit(limit)
        ids = self._uow.session.scalars(foreign).all()
        gone = delete(PassageVector).where(PassageVector.passage_id.in_(ids), PassageVector.model != model)
        self._uow.session.execute(gone)
        return len(ids)


def _unembedded(model: str) -> list[Select[DocumentVersion, Document]]:
    """Return queries for live versions without vectors of this model, each of them a look into the index."""
    live = and_(Document.id == DocumentVersion.document_id, Document.live_version_id == DocumentVersion.id)
    embedded_by = DocumentVersion.embedded_by
    return [
        select(DocumentVersion, Document)
        .join(Document, live)
        .where(other)
        .order_by(embedded_by, DocumentVersion.id)
        for other in (embedded_by.is_(None), embedded_by < model, embedded_by > model)
    ]
