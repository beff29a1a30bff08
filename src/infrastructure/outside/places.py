"""Where services outside are; apart from the adapters, so that naming a place loads no library."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class AwsPlace:
    """Where AWS is reached: a region, and an address of its own where there is one (a proxy, a stand-in)."""

    region: str
    endpoint_url: str | None = None


@dataclass(frozen=True)
class OpenSearchPlace:
    """Where OpenSearch is reached, as whom, and the name of the index.

    With `aws_region` requests are signed for Amazon OpenSearch Service, else `username` and `password` are
    told, if there are any.
    """

    url: str
    index: str = "passages"
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: str | None = None
    aws_region: str | None = None


@dataclass(frozen=True)
class KnowledgeBasePlace:
    """A knowledge base of Amazon Bedrock and its data source, of the type CUSTOM, that passages are put into."""

    aws: AwsPlace
    knowledge_base_id: str
    data_source_id: str
