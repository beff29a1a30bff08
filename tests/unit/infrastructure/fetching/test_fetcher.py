"""The fetcher, against real servers on this machine."""

import asyncio
import gzip
import ssl
from collections.abc import Callable, Sequence
from ipaddress import ip_network

import httpx
import pytest

from src.domains.knowledge.services.ports import (
    Fetched,
    FetchedTooLarge,
    RefusedUrl,
    SlowUrl,
    UnreachableUrl,
    UnsupportedDocument,
    Validators,
)
from src.infrastructure.fetching.addresses import AddressPolicy
from src.infrastructure.fetching.fetcher import FetchLimits, HttpFetcher
from src.shared.exceptions.errors import PlatformError
from tests.web import CERTIFICATE, WebServer, http, redirect, web_server

KIBIBYTE = 1024
HERE = AddressPolicy(networks=[ip_network("127.0.0.0/8")])


class Names:
    """A resolver that knows a few names, and answers each time with the next of their addresses."""

    def __init__(self, **addresses: Sequence[Sequence[str]]) -> None:
        self._answers = {name.replace("_", "."): iter(answers) for name, answers in addresses.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, _port: int) -> Sequence[str]:
        self.asked.append(host)
        return next(self._answers[host]) if host in self._answers else [host]


def fetcher_for(
    web: WebServer,
    policy: AddressPolicy = HERE,
    names: Names | None = None,
    connections: Callable[[], httpx.AsyncBaseTransport] | None = None,
    **limits: float,
) -> HttpFetcher:
    bounds = {"bytes": 64 * KIBIBYTE, "seconds": 20, **limits}
    allowed = FetchLimits(ports=(80, 443, web.port), **bounds)  # type: ignore[arg-type]  # whole numbers where needed
    return HttpFetcher(policy, allowed, names or Names(wiki_example=[["127.0.0.1"]] * 9), connections)


async def body_at(fetcher: HttpFetcher, url: str) -> bytes:
    return body(await fetcher.fetch(url))


def body(fetched: Fetched) -> bytes:
    with fetched.content:
        content = fetched.content.read()
    assert len(content) == fetched.size_bytes
    return content


async def refused(fetcher: HttpFetcher, url: str) -> PlatformError:
    with pytest.raises(PlatformError) as raised:
        body(await fetcher.fetch(url))
    assert raised.value.detail
    return raised.value


async def test_a_page_comes_with_its_name_its_size_and_what_tells_its_version() -> None:
    page = http(
        body=b"<p>Leave</p>", headers={"ETag": '"7"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
    )
    async with web_server({"/hr/leave": page}) as web:
        fetched = await fetcher_for(web).fetch(f"http://wiki.example:{web.port}/hr/leave#top")
    assert fetched.url == f"http://wiki.example:{web.port}/hr/leave"
    assert fetched.file_name == "leave.html"
    assert fetched.validators == Validators('"7"', "Mon, 01 Jan 2024 00:00:00 GMT")
    assert body(fetched) == b"<p>Leave</p>"


async def test_a_request_says_plainly_who_asks_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither cookies that were set on the way, nor the environment's proxies and passwords, are used."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    first = http(302, headers={"Location": "/b", "Set-Cookie": "seen=1"})
    async with web_server({"/a": first, "/b": http(body=b"there")}) as web:
        assert await body_at(fetcher_for(web), f"http://wiki.example:{web.port}/a") == b"there"
    names = [line.partition(":")[0].lower() for line in web.requests[1].splitlines()[1:] if line]
    assert sorted(names) == ["accept", "accept-encoding", "connection", "host", "user-agent"]
    assert f"Host: wiki.example:{web.port}" in web.requests[1]


@pytest.mark.parametrize(
    "known", [Validators(etag='"7"'), Validators(last_modified="Mon, 01 Jan 2024 00:00:00 GMT")]
)
async def test_a_page_that_has_not_changed_is_not_sent_again(known: Validators) -> None:
    async with web_server({"/": http(304)}) as web:
        assert await fetcher_for(web).fetch_changed(f"http://wiki.example:{web.port}/", known) is None
    asked = web.requests[0]
    assert ('If-None-Match: "7"' in asked) is bool(known.etag)
    assert ("If-Modified-Since: Mon, 01 Jan 2024 00:00:00 GMT" in asked) is bool(known.last_modified)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "wiki.example/page",
        "//wiki.example/page",
        "ftp://wiki.example/page",
        "file:///etc/passwd",
        "gopher://wiki.example:80/",
        "http://",
        "http:///page",
        "http://me:secret@wiki.example/",
        "http://wiki.example@127.0.0.1/",
        "http://wiki.example\\@127.0.0.1/",
        "http://wiki.example:22/",
        "http://wiki.example:notaport/",
        "http://wiki.example:99999/",
        "http://[::1/",
        "http://300.1.2.3/",
        "http://wiki.example/\ud800",
        "http://wiki.example/\r\nX: y",
        "http://wiki.example/" + "a" * 3000,
    ],
)
async def test_what_is_no_address_of_a_page_is_refused_before_a_name_is_looked_up(url: str) -> None:
    names = Names()
    async with web_server() as web:
        assert isinstance(await refused(fetcher_for(web, names=names), url), RefusedUrl)
    assert (names.asked, web.requests) == ([], [])


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0x7f.1",
        "localhost",
        "localhost.",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "169.254.169.254",
        "2852039166",
        "0",
        "１２７.０.０.１",  # noqa: RUF001  # full-width, as meant
    ],
)
async def test_however_a_private_address_is_spelled_the_operating_system_tells_what_it_is(host: str) -> None:
    async with web_server({"/": http(body=b"secret")}) as web:
        fetcher = HttpFetcher(AddressPolicy(), FetchLimits(bytes=KIBIBYTE, ports=(web.port,)))
        assert isinstance(await refused(fetcher, f"http://{host}:{web.port}/"), RefusedUrl | UnreachableUrl)
    assert web.requests == []


async def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    names = Names(wiki_example=[["93.184.216.34", "2606:2800:220:1::1", "10.0.0.7"]])
    connections = httpx.MockTransport(lambda _request: pytest.fail("it was connected"))
    async with web_server() as web:
        fetcher = fetcher_for(web, AddressPolicy(), names, lambda: connections)
        assert isinstance(await refused(fetcher, "http://wiki.example/"), RefusedUrl)


async def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    """A name that means another address the next time it is asked for (DNS rebinding) gains nothing."""
    names = Names(wiki_example=[["127.0.0.2"], ["127.0.0.1"]])
    policy = AddressPolicy(networks=[ip_network("127.0.0.2/32")])
    async with (
        web_server({"/": http(body=b"checked")}, host="127.0.0.2") as web,
        web_server({"/": http(body=b"secret")}, port=web.port) as inside,
    ):
        fetcher = fetcher_for(web, policy, names)
        assert await body_at(fetcher, f"http://wiki.example:{web.port}/") == b"checked"
        assert names.asked == ["wiki.example"]
        assert isinstance(await refused(fetcher, f"http://wiki.example:{web.port}/"), RefusedUrl)
    assert inside.requests == []


async def test_a_server_that_leads_on_to_its_own_name_is_looked_up_and_checked_anew() -> None:
    names = Names(wiki_example=[["127.0.0.2"], ["127.0.0.1"]])
    policy = AddressPolicy(networks=[ip_network("127.0.0.2/32")])
    async with web_server({"/": redirect("/again"), "/again": http(body=b"?")}, host="127.0.0.2") as web:
        fetcher = fetcher_for(web, policy, names)
        assert isinstance(await refused(fetcher, f"http://wiki.example:{web.port}/"), RefusedUrl)
    assert len(web.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
        "http://[fd00:ec2::254]/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "http://10.0.0.1/",
        "//192.168.0.1/",
        "http://user:password@wiki.example/",
        "http://wiki.example:6379/",
        "file:///etc/passwd",
        "http://wiki.example:x/",
    ],
)
async def test_every_redirect_is_checked_as_the_first_address_is(location: str, status: int) -> None:
    async with web_server({"/": redirect(location, status)}) as web:
        assert isinstance(await refused(fetcher_for(web), f"http://wiki.example:{web.port}/"), RefusedUrl)
    assert len(web.requests) == 1


async def test_redirects_are_followed_so_far_and_the_last_address_is_told() -> None:
    answers = {f"/{number}": redirect(f"/{number + 1}") for number in range(9)} | {"/5": http(body=b"last")}
    async with web_server(answers) as web:
        home = f"http://wiki.example:{web.port}"
        fetched = await fetcher_for(web).fetch(f"{home}/0")
        assert (fetched.url, body(fetched)) == (f"{home}/5", b"last")
        web.requests.clear()
        assert isinstance(await refused(fetcher_for(web, redirects=4), f"{home}/0"), RefusedUrl)
    assert len(web.requests) == 5


def trusting_connections() -> httpx.AsyncBaseTransport:
    return httpx.AsyncHTTPTransport(verify=ssl.create_default_context(cafile=CERTIFICATE))


async def test_a_server_proves_by_its_certificate_that_it_is_the_one_of_the_name() -> None:
    names = Names(wiki_example=[["127.0.0.1"]], evil_example=[["127.0.0.1"]])
    async with web_server({"/": http(body=b"true")}, tls=True) as web:
        fetcher = fetcher_for(web, names=names, connections=trusting_connections)
        assert await body_at(fetcher, f"https://wiki.example:{web.port}/") == b"true"
        error = await refused(fetcher, f"https://evil.example:{web.port}/")
    assert isinstance(error, UnreachableUrl)
    assert "certificate" in error.detail
    assert len(web.requests) == 1


async def test_a_certificate_that_nobody_trusts_is_not_enough() -> None:
    async with web_server({"/": http(body=b"made up")}, tls=True) as web:
        error = await refused(fetcher_for(web), f"https://wiki.example:{web.port}/")
    assert "certificate" in error.detail
    assert web.requests == []


async def test_https_does_not_lead_on_to_http() -> None:
    async with web_server({"/": redirect("http://wiki.example/")}, tls=True) as web:
        fetcher = fetcher_for(web, connections=trusting_connections)
        assert isinstance(await refused(fetcher, f"https://wiki.example:{web.port}/"), RefusedUrl)


async def test_a_page_over_the_bound_is_not_read_when_its_length_is_told() -> None:
    sent = asyncio.Event()

    async def announce(writer: asyncio.StreamWriter) -> None:
        writer.write(http(headers={"Content-Length": "9999999"}))
        await writer.drain()
        sent.set()

    async with web_server({"/": announce}) as web:
        assert isinstance(
            await refused(fetcher_for(web), f"http://wiki.example:{web.port}/"), FetchedTooLarge
        )
    assert sent.is_set()


async def endless(writer: asyncio.StreamWriter) -> None:
    """Send a page that has no end, until the other side hangs up."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
    while True:
        writer.write(b"x" * KIBIBYTE)
        await writer.drain()


async def test_a_page_without_end_is_cut_off_at_the_bound() -> None:
    async with web_server({"/": endless}) as web:
        assert isinstance(
            await refused(fetcher_for(web), f"http://wiki.example:{web.port}/"), FetchedTooLarge
        )


async def test_a_packed_page_is_unpacked_and_bounded_by_what_it_unpacks_to() -> None:
    packed = {"Content-Encoding": "gzip"}
    bomb, small = gzip.compress(b"\0" * 50_000_000), gzip.compress(b"small")
    assert len(bomb) < 64 * KIBIBYTE
    answers = {"/bomb": bomb, "/small": small, "/broken": small[:-9], "/damaged": b"\x1f\x8b" + b"?" * 30}
    async with web_server(
        {
            path: http(body=content, headers=packed | {"Content-Length": str(len(content))})
            for path, content in answers.items()
        }
    ) as web:
        fetcher, home = fetcher_for(web), f"http://wiki.example:{web.port}"
        assert await body_at(fetcher, f"{home}/small") == b"small"
        assert isinstance(await refused(fetcher, f"{home}/bomb"), FetchedTooLarge)
        assert isinstance(await refused(fetcher, f"{home}/broken"), UnreachableUrl)
        assert isinstance(await refused(fetcher, f"{home}/damaged"), UnreachableUrl)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "deflate"])
async def test_a_packing_that_was_not_asked_for_is_refused(encoding: str) -> None:
    async with web_server({"/": http(body=b"?", headers={"Content-Encoding": encoding})}) as web:
        assert isinstance(await refused(fetcher_for(web), f"http://wiki.example:{web.port}/"), UnreachableUrl)


async def drip(writer: asyncio.StreamWriter) -> None:
    """Send a byte now and then, so that no single read ever waits long."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.01)


async def drip_headers(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


async def say_nothing(writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("answer", [drip, drip_headers, say_nothing])
async def test_a_server_that_goes_on_slowly_is_left_when_the_time_for_everything_is_over(
    answer: Callable[[asyncio.StreamWriter], object],
) -> None:
    async with web_server({"/": answer}) as web:  # type: ignore[dict-item]  # parametrized
        error = await refused(fetcher_for(web, seconds=0.2), f"http://wiki.example:{web.port}/")
    assert isinstance(error, SlowUrl)


async def test_a_name_that_is_looked_up_for_too_long_is_left_too() -> None:
    async def never(_host: str, _port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    fetcher = HttpFetcher(AddressPolicy(), FetchLimits(bytes=KIBIBYTE, seconds=0.05), never)
    assert isinstance(await refused(fetcher, "http://wiki.example/"), SlowUrl)


async def test_a_fetch_waits_for_its_turn_within_its_own_time() -> None:
    async with web_server({"/": say_nothing}) as web:
        fetcher = fetcher_for(web, seconds=0.2, at_once=1)
        async with fetcher._turns:  # somebody else's turn, for longer than that
            assert isinstance(await refused(fetcher, f"http://wiki.example:{web.port}/"), SlowUrl)
    assert web.requests == []


async def test_headers_without_end_are_refused() -> None:
    async def headers(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X: " + b"y" * KIBIBYTE + b"\r\n")
            await writer.drain()

    async with web_server({"/": headers}) as web:
        assert isinstance(await refused(fetcher_for(web), f"http://wiki.example:{web.port}/"), UnreachableUrl)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"",
        http(404),
        http(401),
        http(500),
        http(206, b"part"),
        http(304),
        http(body=b"half", headers={"Content-Length": "99"}),
    ],
)
async def test_what_is_no_page_is_told(answer: bytes) -> None:
    async with web_server({"/": answer}) as web:
        assert isinstance(await refused(fetcher_for(web), f"http://wiki.example:{web.port}/"), UnreachableUrl)


async def test_a_name_without_address_and_a_server_that_is_not_there_are_told() -> None:
    async with web_server() as web:
        gone = web.port
    assert isinstance(await refused(fetcher_for(web), f"http://wiki.example:{gone}/"), UnreachableUrl)
    names = Names(wiki_example=[[]])
    assert isinstance(await refused(fetcher_for(web, names=names), "http://wiki.example/"), UnreachableUrl)


async def test_a_server_with_several_addresses_is_tried_by_each() -> None:
    names = Names(wiki_example=[["127.0.0.9", "127.0.0.1"]])
    async with web_server({"/": http(body=b"the second")}) as web:
        assert (
            await body_at(fetcher_for(web, names=names), f"http://wiki.example:{web.port}/") == b"the second"
        )


@pytest.mark.parametrize(
    ("path", "headers", "name"),
    [
        ("/", {}, "wiki.example.html"),
        ("/hr/leave/", {"Content-Type": "text/html; charset=utf-8"}, "leave.html"),
        ("/page.HTM?x=1", {}, "page.HTM"),
        ("/index.php", {}, "index.php.html"),
        ("/%ED%9C%B4%EA%B0%80", {}, "휴가.html"),
        ("/notes.md", {"Content-Type": "text/plain"}, "notes.md"),
        ("/rules", {"Content-Type": "application/pdf"}, "rules.pdf"),
        ("/rules.hwp", {"Content-Type": "application/octet-stream"}, "rules.hwp"),
        (
            "/download.do?id=3",
            {
                "Content-Type": "application/octet-stream",
                "Content-Disposition": "attachment; filename*=UTF-8''%EA%B7%9C%EC%A0%95.pdf",
            },
            "규정.pdf",
        ),
        ("/x", {"Content-Disposition": 'attachment; filename="../../etc/a.html"'}, "etc a.html"),
        ("/" + "n" * 400, {}, "n" * 200 + ".html"),
    ],
)
async def test_a_document_is_named_by_its_server_or_its_path_with_the_ending_of_its_type(
    path: str, headers: dict[str, str], name: str
) -> None:
    async with web_server({path: http(body=b"?", headers=headers)}) as web:
        fetched = await fetcher_for(web).fetch(f"http://wiki.example:{web.port}{path}")
    fetched.content.close()
    assert fetched.file_name == name


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json"},
        {"Content-Type": "image/png"},
        {"Content-Type": "application/octet-stream"},
        {"Content-Type": ""},
        {"Content-Type": "video/mp4", "Content-Disposition": 'attachment; filename="a.pdf"'},
    ],
)
async def test_types_that_are_not_read_are_not_taken(headers: dict[str, str]) -> None:
    async with web_server({"/file": http(body=b"?", headers=headers)}) as web:
        error = await refused(fetcher_for(web), f"http://wiki.example:{web.port}/file")
    assert isinstance(error, UnsupportedDocument)
