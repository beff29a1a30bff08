"""Named queries of documents and their versions."""

from collections.abc import Collection as Ids
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, update

from src.domains.knowledge.models import Collection, Document, DocumentVersion, StoredPassage
from src.domains.knowledge.repositories.collections import visible_to
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


class DocumentRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, document: Document) -> None:
        self._uow.session.add(document)
        self._uow.session.flush()

    def get(self, document_id: UUID) -> Document | None:
        return self._uow.session.get(Document, document_id)

    def visible(self, document_id: UUID, user_id: UUID, group_ids: Ids[UUID] | None) -> Document | None:
        """Return the document if it is somebody's own, or shared with these groups; None: with whomever."""
        query = select(Document).join(Collection).where(Document.id == document_id)
        return self._uow.session.scalar(query.where(visible_to(user_id, group_ids)))

    def readable(self, document_ids: Ids[UUID], user_id: UUID, group_ids: Ids[UUID]) -> Sequence[UUID]:
        """Return those of the documents that somebody in these groups may read."""
        query = select(Document.id).join(Collection).where(Document.id.in_(document_ids))
        return self._uow.session.scalars(query.where(visible_to(user_id, group_ids))).all()

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

    def count_in(self, collection_id: UUID) -> int:
        query = select(func.count()).where(Document.collection_id == collection_id)
        return self._uow.session.scalar(query) or 0

    def count_own(self, owner_id: UUID) -> int:
        """Return how many documents a person has in sessions."""
        query = select(func.count()).select_from(Document).join(Collection)
        return self._uow.session.scalar(query.where(Collection.owner_id == owner_id)) or 0

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
