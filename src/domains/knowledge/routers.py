"""The HTTP API of knowledge."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, UploadFile
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
from src.domains.knowledge.services.collections import CollectionChange, SharedCollection
from src.domains.knowledge.services.shelves import Asker
from src.shared.middleware.authentication import Principal, current_admin, current_principal
from src.shared.paging import Cursor, Limit, Page

router = APIRouter(prefix="/knowledge", tags=["knowledge"])

CurrentPrincipal = Annotated[Principal, Depends(current_principal)]
CurrentAdmin = Annotated[Principal, Depends(current_admin)]


@router.post("/collections", status_code=201)
async def create_collection(
    body: CreateCollectionRequest, _admin: CurrentAdmin, collections: Collections
) -> CollectionResponse:
    return CollectionResponse.of(await collections.create(body.name, body.description, body.group_ids))


@router.get("/collections")
async def list_collections(
    principal: CurrentPrincipal, collections: Collections, limit: Limit = 50, cursor: Cursor = None
) -> Page[CollectionResponse]:
    page = await collections.page(principal, cursor, limit)
    return Page.of([CollectionResponse.of(overview) for overview in page], limit)


@router.get("/collections/{collection_id}")
async def get_collection(
    collection_id: UUID, principal: CurrentPrincipal, collections: Collections
) -> CollectionResponse:
    return CollectionResponse.of(await collections.get(principal, collection_id))


@router.patch("/collections/{collection_id}")
async def change_collection(
    collection_id: UUID, body: ChangeCollectionRequest, admin: CurrentAdmin, collections: Collections
) -> CollectionResponse:
    change = CollectionChange(body.name, body.description, body.group_ids)
    return CollectionResponse.of(await collections.change(admin, collection_id, change))


@router.delete("/collections/{collection_id}", status_code=204)
async def delete_collection(collection_id: UUID, admin: CurrentAdmin, collections: Collections) -> None:
    await collections.delete(admin, collection_id)


@router.post("/collections/{collection_id}/documents", status_code=202)
async def upload_document(
    collection_id: UUID, file: UploadFile, admin: CurrentAdmin, documents: Documents
) -> UploadResponse:
    collection = SharedCollection(collection_id)
    upload = await documents.upload(admin, collection, file.filename or "", file.file, file.size or 0)
    return UploadResponse.of(upload)


@router.post("/sessions/{session_id}/documents", status_code=202)
async def attach_document(
    session_id: UUID, file: UploadFile, principal: CurrentPrincipal, session_files: SessionDocuments
) -> UploadResponse:
    upload = await session_files.attach(principal, session_id, file.filename or "", file.file, file.size or 0)
    return UploadResponse.of(upload)


@router.get("/sessions/{session_id}/documents")
async def list_attached_documents(
    session_id: UUID,
    principal: CurrentPrincipal,
    session_files: SessionDocuments,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[DocumentResponse]:
    page = await session_files.page(principal, session_id, cursor, limit)
    return Page.of([DocumentResponse.of(overview) for overview in page], limit)


@router.post("/collections/{collection_id}/urls", status_code=202)
async def take_in_url(
    collection_id: UUID, body: TakeInUrlRequest, admin: CurrentAdmin, urls: Urls
) -> UploadResponse:
    return UploadResponse.of(await urls.take_in(admin, collection_id, body.url))


@router.get("/collections/{collection_id}/documents")
async def list_documents(
    collection_id: UUID,
    principal: CurrentPrincipal,
    documents: Documents,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[DocumentResponse]:
    page = await documents.page(principal, SharedCollection(collection_id), cursor, limit)
    return Page.of([DocumentResponse.of(overview) for overview in page], limit)


@router.get("/documents/{document_id}")
async def get_document(
    document_id: UUID, principal: CurrentPrincipal, documents: Documents
) -> DocumentResponse:
    return DocumentResponse.of(await documents.get(principal, document_id))


@router.get("/documents/{document_id}/passages")
async def list_passages(
    document_id: UUID,
    principal: CurrentPrincipal,
    documents: Documents,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[StoredPassageResponse]:
    page = await documents.passages(principal, document_id, cursor, limit)
    return Page.of([StoredPassageResponse.model_validate(passage) for passage in page], limit)


@router.get("/documents/{document_id}/content", response_class=FileResponse)
async def download_document(
    document_id: UUID, principal: CurrentPrincipal, documents: Documents
) -> FileResponse:
    original = await documents.original(principal, document_id)
    # Never shown by the browser itself: what people upload could run there in our name.
    return FileResponse(original.path, media_type="application/octet-stream", filename=original.name)


@router.post("/documents/{document_id}/retry", status_code=202)
async def retry_document(document_id: UUID, admin: CurrentAdmin, documents: Documents) -> DocumentResponse:
    return DocumentResponse.of(await documents.retry(admin, document_id))


@router.delete("/documents/{document_id}", status_code=204)
async def delete_document(document_id: UUID, principal: CurrentPrincipal, documents: Documents) -> None:
    await documents.delete(principal, document_id)


@router.post("/search")
async def search(body: SearchRequest, principal: CurrentPrincipal, search: Search) -> SearchResponse:
    found = await search.search_with_words(
        body.query, Asker(principal.group_ids), body.limit, body.collection_ids
    )
    return SearchResponse(passages=found)
