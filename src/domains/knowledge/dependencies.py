"""FastAPI dependencies of knowledge."""

from typing import Annotated

from fastapi import Depends, Request

from src.domains.knowledge.services.collections import CollectionService
from src.domains.knowledge.services.documents import DocumentService
from src.domains.knowledge.services.search import SearchService
from src.domains.knowledge.services.session_files import SessionFileService
from src.domains.knowledge.services.urls import UrlService


async def _collections(request: Request) -> CollectionService:
    service: CollectionService = request.app.state.collections
    return service


async def _documents(request: Request) -> DocumentService:
    service: DocumentService = request.app.state.documents
    return service


async def _search(request: Request) -> SearchService:
    service: SearchService = request.app.state.search
    return service


async def _session_files(request: Request) -> SessionFileService:
    service: SessionFileService = request.app.state.session_files
    return service


async def _urls(request: Request) -> UrlService:
    service: UrlService = request.app.state.urls
    return service


Collections = Annotated[CollectionService, Depends(_collections)]
Documents = Annotated[DocumentService, Depends(_documents)]
Search = Annotated[SearchService, Depends(_search)]
SessionDocuments = Annotated[SessionFileService, Depends(_session_files)]
Urls = Annotated[UrlService, Depends(_urls)]
