"""Settings of documents and search, and of the services outside that serve them."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, IPvAnyNetwork, SecretStr


class KnowledgeSettings(BaseModel):
    """Documents and search."""

    embeddings: str = Field(
        "embedded",
        pattern=r"^(none|embedded(:.+)?|(bedrock|openai):.+)$",
        description="Who makes vectors: `embedded`, `none`, `bedrock:<model>` or `openai:<model>`, "
        "with `@<dimensions>` behind it where the model leaves a choice.",
    )
    index: Literal["local", "opensearch", "bedrock"] = Field(
        "local", description="Where passages are searched: on this machine, or by a service outside."
    )
    find_seconds: float = Field(
        2.5,
        gt=0,
        description="How long a service outside may take for a search, beside the question's vector.",
    )
    write_seconds: float = Field(
        60.0, gt=0, description="How long a service outside may take for one step of a change."
    )
    max_upload_bytes: int = Field(50 * 1_048_576, ge=1024, description="Largest file.")
    passage_tokens: int = Field(320, ge=50, le=480, description="Size that passages aim at.")
    passage_overlap_tokens: int = Field(
        30, ge=0, le=120, description="How much of a passage the next one repeats, in whole sentences."
    )
    read_seconds: float = Field(300.0, gt=0, description="How long reading one file may take.")
    read_memory_mb: int = Field(1_024, ge=64, description="How much memory reading one file may take.")
    max_pages: int = Field(2_000, ge=1, description="Most pages (slides, sheets, chapters) of a file.")
    max_document_characters: int = Field(20_000_000, ge=1_000, description="Most text of a file.")
    max_unpacked_bytes: int = Field(
        200_000_000,
        ge=1_000_000,
        description="How much a file that is a package (Office, EPUB, HWPX) may hold.",
    )
    ocr_pages: int = Field(
        100, ge=0, description="Most pages of a scan whose text is recognised, where Tesseract is installed."
    )
    vectors_waiting: int = Field(
        8, ge=0, description="Questions whose vectors are being made at once; others go by words alone."
    )
    vector_seconds: float = Field(
        1.0,
        gt=0,
        description="How long a search waits for its question's vector; then it goes by words alone.",
    )
    session_files: int = Field(20, ge=0, description="Files that a person can attach to one session.")
    person_files: int = Field(1_000, ge=0, description="Files that a person can attach to all sessions.")
    max_waiting: int = Field(1_000, ge=1, description="Files that wait to be read; more are refused.")
    ingestions_at_once: int = Field(2, ge=1, le=64, description="Files that a process reads at once.")
    ingestion_attempts: int = Field(
        3, ge=1, description="Tries of a file that a fault or the end of its reader cut off."
    )
    ingestion_retry_seconds: float = Field(
        2.0, gt=0, description="Wait before the second try of a file; it grows fivefold."
    )
    ingestion_lease_seconds: float = Field(
        15.0, ge=1, description="How long a process that reads a file may be silent."
    )


class EmbeddingSettings(BaseModel):
    """Services that make vectors."""

    query_seconds: float = Field(
        2.0, gt=0, description="How long a question's vector may take; then words alone are searched."
    )
    passages_seconds: float = Field(
        60.0, gt=0, description="How long vectors of a batch of passages may take."
    )
    batches_at_once: int = Field(
        4, ge=1, le=64, description="Batches of passages that are asked for at once."
    )
    rest_seconds: float = Field(
        10.0, ge=0, description="How long questions do without vectors after one that got none."
    )
    base_url: str | None = Field(
        None, description="Address of the server for `openai:` models (`http://127.0.0.1:11434/v1`)."
    )
    api_key: SecretStr | None = Field(None, description="What that server knows us by.")
    query_prefix: str | None = Field(None, description="What stands before a question (E5: `query: `).")
    passage_prefix: str | None = Field(None, description="What stands before a passage (E5: `passage: `).")
    batch: int = Field(32, ge=1, le=2048, description="Passages in one request to that server.")
    max_characters: int = Field(
        8_000, ge=100, description="How much of a text that server's model takes; the rest is left out."
    )


class OpenSearchSettings(BaseModel):
    """Search by OpenSearch."""

    url: str | None = Field(None, description="Address (`https://search.example:9200`).")
    index: str = Field("passages", pattern=r"^[a-z0-9][a-z0-9_-]*$", description="Name of the index.")
    username: str | None = Field(None, description="As whom the service is asked; nobody by default.")
    password: SecretStr | None = Field(None, description="The password for it.")
    ca_file: Path | None = Field(None, description="Certificates to trust, where they are one's own.")
    aws_region: str | None = Field(
        None,
        description="Sign requests for Amazon OpenSearch Service in this region, with AWS's credentials.",
    )


class BedrockSettings(BaseModel):
    """Amazon Bedrock; credentials are found as AWS's own tools find them."""

    region: str = Field("ap-northeast-2", description="Region of models and knowledge bases.")
    endpoint_url: str | None = Field(None, description="Another address for all of Bedrock's services.")
    knowledge_base_id: str | None = Field(
        None, pattern=r"^[0-9a-zA-Z]{10}$", description="The knowledge base that searches."
    )
    data_source_id: str | None = Field(
        None, pattern=r"^[0-9a-zA-Z]{10}$", description="Its data source, of the type CUSTOM."
    )
    search_type: Literal["HYBRID", "SEMANTIC"] | None = Field(
        None, description="How it searches; it chooses by default."
    )
    indexing_seconds: float = Field(
        300.0, gt=0, description="How long it may take until the next ten passages can be found."
    )


class FetchSettings(BaseModel):
    """Pages and files that people name by their address."""

    allowed_private_hosts: tuple[str, ...] = Field(
        (), description='Names that may be within a private network, as JSON: `["wiki.corp"]`.'
    )
    allowed_private_networks: tuple[IPvAnyNetwork, ...] = Field(
        (), description='Private networks that pages may be read from, as JSON: `["10.1.0.0/16"]`.'
    )
    refused_networks: tuple[IPvAnyNetwork, ...] = Field(
        (), description="Public addresses that are the company's own, and not read from, as JSON."
    )
    allowed_ports: tuple[int, ...] = Field((80, 443), description="Ports that pages may be read from.")
    seconds: float = Field(30.0, gt=0, le=600, description="How long a page may take, with all redirects.")
    redirects: int = Field(5, ge=0, le=20, description="How often an address may lead on to another one.")
    at_once: int = Field(4, ge=1, le=64, description="Pages that a process fetches at once; others wait.")
