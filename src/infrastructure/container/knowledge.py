"""What knowledge is made of."""

from collections.abc import Awaitable, Callable
from functools import partial

from dependency_injector import providers

from src.domains.knowledge import subscribers as knowledge_subscribers
from src.domains.knowledge.services.collections import CollectionService
from src.domains.knowledge.services.documents import DocumentService
from src.domains.knowledge.services.embedding import EmbeddingWorker
from src.domains.knowledge.services.ingestion import IngestionWorker
from src.domains.knowledge.services.meaning import MeaningArms
from src.domains.knowledge.services.ports import PassageFinder, SearchEngine
from src.domains.knowledge.services.replicas import IndexReplica, SearchEngineFeed
from src.domains.knowledge.services.retrieval import HybridFinder, RetrievalCounts, VectorLimits
from src.domains.knowledge.services.search import SearchService
from src.domains.knowledge.services.session_files import FileLimits, SessionFileService
from src.domains.knowledge.services.shelves import Shelves
from src.domains.knowledge.services.urls import UrlService
from src.infrastructure.container import limits, retrieval
from src.infrastructure.container.core import Core
from src.infrastructure.database.subscriptions import Subscriptions
from src.infrastructure.documents.reader import FileDocumentReader
from src.infrastructure.fetching.fetcher import HttpFetcher
from src.infrastructure.process_locks import OwnFolder
from src.infrastructure.search.tantivy import TantivyPassageIndex
from src.infrastructure.settings import Settings
from src.infrastructure.storage.local_files import LocalFiles
from src.shared.language import search_terms


def _outside_or_here(engine: SearchEngine | None, here: Callable[[], HybridFinder]) -> PassageFinder:
    return engine or here()


def _index_is_current(settings: Settings, subscriptions: Subscriptions) -> Callable[[], Awaitable[None]]:
    """Tell how to wait until what is saved can be found."""
    here = settings.knowledge.index == "local"
    name = knowledge_subscribers.INDEX if here else knowledge_subscribers.SEARCH_ENGINE
    return partial(subscriptions.wait_until_current, name, timeout=600.0)


class Knowledge(Core):
    files = providers.Singleton(LocalFiles, Core.settings.provided.data_dir.joinpath.call("uploads"))
    reader = providers.Singleton(FileDocumentReader, providers.Callable(limits.reading_limits, Core.settings))
    index_folder = providers.Singleton(OwnFolder, Core.settings.provided.data_dir.joinpath.call("index"))
    index = providers.Singleton(TantivyPassageIndex, index_folder.provided.path, search_terms)
    shelves = providers.Singleton(Shelves, Core.database)
    shelves_are_current = providers.Callable(
        partial, Core.subscriptions.provided.wait_until_current, knowledge_subscribers.SHELVES
    )
    collections = providers.Singleton(CollectionService, Core.database, shelves_are_current)
    embedder = providers.Singleton(retrieval.embedder, Core.settings)
    embedding_limits = providers.Callable(retrieval.embedding_limits, Core.settings)
    embedding = providers.Singleton(EmbeddingWorker, Core.database, embedder, embedding_limits)
    ingestion = providers.Singleton(
        IngestionWorker,
        Core.database,
        files,
        reader,
        providers.Callable(_index_is_current, Core.settings, Core.subscriptions),
        providers.Callable(limits.ingestion_limits, Core.settings),
        embedding.provided.wake,
    )
    documents = providers.Singleton(
        DocumentService,
        Core.database,
        files,
        reader,
        providers.Callable(limits.upload_limits, Core.settings),
        ingestion.provided.wake,
    )
    session_files = providers.Singleton(
        SessionFileService,
        Core.database,
        documents,
        providers.Factory(
            FileLimits,
            Core.settings.provided.knowledge.session_files,
            Core.settings.provided.knowledge.person_files,
        ),
        shelves_are_current,
    )
    fetcher = providers.Singleton(
        HttpFetcher,
        providers.Callable(limits.address_policy, Core.settings),
        providers.Callable(limits.fetch_limits, Core.settings),
    )
    urls = providers.Singleton(UrlService, Core.database, fetcher, documents)
    index_replica = providers.Singleton(IndexReplica, Core.database, index)
    search_engine = providers.Singleton(retrieval.search_engine, Core.settings, embedder)
    earlier_embedder = providers.Callable(partial, retrieval.earlier_embedder, Core.settings)
    meaning = providers.Singleton(
        MeaningArms,
        Core.database,
        embedder,
        providers.Callable(partial, retrieval.vector_index, index_folder.provided.path),
        earlier_embedder,
    )
    retrieval_counts = providers.Singleton(RetrievalCounts)
    finder = providers.Singleton(
        HybridFinder,
        index,
        meaning.provided.serving,
        providers.Factory(
            VectorLimits,
            Core.settings.provided.knowledge.vectors_waiting,
            Core.settings.provided.knowledge.vector_seconds,
        ),
        retrieval_counts,
    )
    search_engine_feed = providers.Singleton(SearchEngineFeed, Core.database, search_engine, embedder)
    search = providers.Singleton(
        SearchService,
        Core.database,
        providers.Callable(_outside_or_here, search_engine, finder.provider),
        shelves,
    )
