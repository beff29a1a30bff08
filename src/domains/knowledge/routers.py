"""The HTTP API of knowledge."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Security, UploadFile
from fastapi.responses import FileResponse

from src.domains.knowledge.dependencies import Collections, Documents, Search, SessionDocuments, Urls
from src.domains.knowledge.schemas import (
    ChangeCollectionRequest,
    CollectionResponse,
    CreateCollectionRequest,
    DocumentResponse,
    SearchRequest,
    SearchResponse,
    StoredPassageResponse,
    TakeInUrlRequest,
    UploadResponse,
)
from src.domains.knowledge.services.collections import CollectionChange, ManagedCollection, SharedCollection
from src.domains.knowledge.services.shelves import Asker
from src.shared.middleware.authentication import Principal, current_editor, current_principal
from src.shared.paging import Cursor, Limit, Page

router = APIRouter(prefix="/knowledge", tags=["knowledge"])

Reader = Annotated[Principal, Security(current_principal, scopes=["knowledge:read"])]
Owner = Annotated[Principal, Security(current_principal, scopes=["knowledge:write"])]
Editor = Annotated[Principal, Security(current_editor, scopes=["knowledge:write"])]


@router.post("/collections", status_code=201)
async def create_collection(
    body: CreateCollectionRequest, editor: Editor, collections: Collections
) -> CollectionResponse:
    overview = await collections.create(editor, body.name, body.description, body.group_ids)
    return CollectionResponse.of(overview)


@router.get("/collections")
async def list_collections(
    reader: Reader, collections: Collections, limit: Limit = 50, cursor: Cursor = None
) -> Page[CollectionResponse]:
    page = await collections.page(reader, cursor, limit)
    return Page.of([CollectionResponse.of(overview) for overview in page], limit)


@router.get("/collections/{collection_id}")
async def get_collection(collection_id: UUID, reader: Reader, collections: Collections) -> CollectionResponse:
    return CollectionResponse.of(await collections.get(reader, collection_id))


@router.patch("/collections/{collection_id}")
async def change_collection(
    collection_id: UUID, body: ChangeCollectionRequest, editor: Editor, collections: Collections
) -> CollectionResponse:
    change = CollectionChange(body.name, body.description, body.group_ids)
    return CollectionResponse.of(await collections.change(editor, collection_id, change))


@router.delete("/collections/{collection_id}", status_code=204)
async def delete_collection(collection_id: UUID, editor: Editor, collections: Collections) -> None:
    await collections.delete(editor, collection_id)


@router.post("/collections/{collection_id}/documents", status_code=202)
async def upload_document(
    collection_id: UUID, file: UploadFile, editor: Editor, documents: Documents
) -> UploadResponse:
    collection = ManagedCollection(collection_id)
    upload = await documents.upload(editor, collection, file.filename or "", file.file, file.size or 0)
    return UploadResponse.of(upload)


@router.post("/sessions/{session_id}/documents", status_code=202)
async def attach_document(
    session_id: UUID, file: UploadFile, owner: Owner, session_files: SessionDocuments
) -> UploadResponse:
    upload = await session_files.attach(owner, session_id, file.filename or "", file.file, file.size or 0)
    return UploadResponse.of(upload)


@router.get("/sessions/{session_id}/documents")
async def list_attached_documents(
    session_id: UUID,
    reader: Reader,
    session_files: SessionDocuments,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[DocumentResponse]:
    page = await session_files.page(reader, session_id, cursor, limit)
    return Page.of([DocumentResponse.of(overview) for overview in page], limit)


@router.post("/collections/{collection_id}/urls", status_code=202)
async def take_in_url(
    collection_id: UUID, body: TakeInUrlRequest, editor: Editor, urls: Urls
) -> UploadResponse:
    return UploadResponse.of(await urls.take_in(editor, collection_id, body.url))


@router.get("/collections/{collection_id}/documents")
async def list_documents(
    collection_id: UUID,
    reader: Reader,
    documents: Documents,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[DocumentResponse]:
    page = await documents.page(reader, SharedCollection(collection_id), cursor, limit)
    return Page.of([DocumentResponse.of(overview) for overview in page], limit)


@router.get("/documents/{document_id}")
async def get_document(document_id: UUID, reader: Reader, documents: Documents) -> DocumentResponse:
    return DocumentResponse.of(await documents.get(reader, document_id))


@router.get("/documents/{document_id}/passages")
async def list_passages(
    document_id: UUID,
    reader: Reader,
    documents: Documents,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[StoredPassageResponse]:
    page = await documents.passages(reader, document_id, cursor, limit)
    return Page.of([StoredPassageResponse.model_validate(passage) for passage in page], limit)


@router.get("/documents/{document_id}/content", response_class=FileResponse)
async def download_document(document_id: UUID, reader: Reader, documents: Documents) -> FileResponse:
    original = await documents.original(reader, document_id)
    # Never shown by the browser itself: what people upload could run there in our name.
    return FileResponse(original.path, media_type="application/octet-stream", filename=original.name)


@router.post("/documents/{document_id}/retry", status_code=202)
async def retry_document(document_id: UUID, owner: Owner, documents: Documents) -> DocumentResponse:
    return DocumentResponse.of(await documents.retry(owner, document_id))


@router.delete("/documents/{document_id}", status_code=204)
async def delete_document(document_id: UUID, owner: Owner, documents: Documents) -> None:
    await documents.delete(owner, document_id)


@router.post("/search")
async def search(body: SearchRequest, reader: Reader, search: Search) -> SearchResponse:
    found = await search.search_with_words(
        body.query, Asker(reader.group_ids), body.limit, body.collection_ids
    )
    return SearchResponse(passages=found)
