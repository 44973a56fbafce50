"""The rules of addresses and hosts, as tables."""

from __future__ import annotations

import ipaddress

import pytest

from src.config import SettingsError
from src.services.egress.addresses import HostInvalid, read_host, why_not_public
from src.services.egress.policy import AllowList, Policy, Upstream

NOT_PUBLIC = [
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback"),
    ("0.0.0.0", "unspecified"),
    ("0.1.2.3", "unspecified"),
    ("10.0.0.1", "private"),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "private"),
    ("192.168.1.1", "private"),
    ("169.254.169.254", "link-local"),
    ("100.64.0.1", "shared"),
    ("100.100.100.200", "shared"),
    ("168.63.129.16", "cloud-metadata"),
    ("192.0.0.192", "reserved"),
    ("192.0.2.1", "documentation"),
    ("198.18.0.1", "benchmarking"),
    ("198.19.255.255", "benchmarking"),
    ("198.51.100.1", "documentation"),
    ("203.0.113.7", "documentation"),
    ("192.88.99.1", "relay"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.250", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.255", "reserved"),
    ("::", "unspecified"),
    ("::1", "loopback"),
    ("::ffff:127.0.0.1", "embedded-ipv4"),
    ("::ffff:8.8.8.8", "embedded-ipv4"),
    ("::127.0.0.1", "embedded-ipv4"),
    ("64:ff9b::127.0.0.1", "loopback"),
    ("64:ff9b::a9fe:a9fe", "link-local"),
    ("64:ff9b::10.0.0.1", "private"),
    ("64:ff9b:1::8.8.8.8", "private"),
    ("2002:7f00:1::", "tunnel"),
    ("2001::7f00:1", "tunnel"),
    ("2001:10::1", "reserved"),
    ("2001:db8::1", "documentation"),
    ("3fff::1", "documentation"),
    ("100::1", "reserved"),
    ("fc00::1", "private"),
    ("fd00:ec2::254", "private"),
    ("fe80::1", "link-local"),
    ("fe80::1%eth0", "zone"),
    ("2606:2800::1%1", "zone"),
    ("fec0::1", "private"),
    ("ff02::1", "multicast"),
    ("4000::1", "reserved"),
    ("5f00::1", "reserved"),
    ("::ffff:0:127.0.0.1", "reserved"),
]


@pytest.mark.parametrize(("address", "reason"), NOT_PUBLIC)
def test_nothing_is_fetched_from(address: str, reason: str) -> None:
    assert why_not_public(ipaddress.ip_address(address)) == reason


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "172.15.255.255",
        "172.32.0.1",
        "100.63.0.1",
        "100.128.0.1",
        "192.167.1.1",
        "11.0.0.1",
        "126.0.0.1",
        "128.0.0.1",
        "2606:4700::1111",
        "2a00:1450:4001:81b::200e",
        "64:ff9b::8.8.8.8",
        "2001:4860:4860::8888",
    ],
)
def test_is_public(address: str) -> None:
    assert why_not_public(ipaddress.ip_address(address)) is None


def test_every_special_block_that_python_knows_is_refused_too() -> None:
    """A second opinion: what the standard library does not call global is not public here either."""
    step = 2**32 // 65521
    for number in range(0, 2**32, step):
        address = ipaddress.IPv4Address(number)
        assert address.is_global or why_not_public(address) is not None, address


@pytest.mark.parametrize(
    "host",
    [
        "0x7f.1",
        "0x7f000001",
        "0177.0.0.1",
        "017700000001",
        "2130706433",
        "127.1",
        "127.0.1",
        "0",
        "0x0",
        "1.2.3.4.5",
        "127.0.0.0x1",
        "example.0x7f",
        "a.127",
        "127.0.0.1:80",
        "::1",
        "a b",
        "a\tb",
        "%31",
        "a%2eb",
        "a..b",
        ".",
        "",
        "-a.com",
        "a-.com",
        "a.com/",
        "a.com#",
        "a.com?",
        "a.com\\b",
        "a@b.com",
        "ａ.com",
        "127。0。0。1",
        "①.com",
        "x" * 64 + ".com",
        "a." * 127 + "com",
        "[::1",
        "::1]",
        "[127.0.0.1]",
        "[]",
        "[fe80::1%25eth0]",
        "[fe80::1%1]",
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "router.local",
        "metadata.google.internal",
        "db",
        "nas.lan",
        "x.home.arpa",
    ],
)
def test_is_no_host(host: str) -> None:
    with pytest.raises(HostInvalid):
        read_host(host)


def test_hosts_are_read_as_addresses_and_names() -> None:
    assert read_host("WWW.YouTube.com.") == "www.youtube.com"
    assert read_host("r4---sn-4g5e6nsz.googlevideo.com") == "r4---sn-4g5e6nsz.googlevideo.com"
    assert read_host("xn--bcher-kva.example") == "xn--bcher-kva.example"
    assert read_host("8.8.8.8") == ipaddress.ip_address("8.8.8.8")
    assert read_host("[::1]") == ipaddress.ip_address("::1")


def test_exceptions_are_exact_pairs() -> None:
    allowed = AllowList.parse(" 127.0.0.1:8080 , [::1]:9000,provider:4416 ")
    assert allowed.holds("127.0.0.1", 8080) and allowed.holds("[::1]", 9000) and allowed.holds("PROVIDER", 4416)
    assert allowed.holds("[0:0:0:0:0:0:0:1]", 9000)
    for host, port in (
        ("127.0.0.1", 8081),
        ("127.0.0.2", 8080),
        ("localhost", 8080),
        ("127.1", 8080),
        ("a.provider", 4416),
    ):
        assert not allowed.holds(host, port)


@pytest.mark.parametrize(
    "text", ["127.0.0.1", "127.0.0.0/8:80", "10.0.0.0/8", "*:80", "127.0.0.1:*", "a:0", "a:65536", "a:x", ":80", "a:-1"]
)
def test_an_exception_that_is_not_one_host_and_port_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="ALLOW_PRIVATE_NETWORKS"):
        AllowList.parse(text)


def test_proxies_are_read() -> None:
    upstream = Upstream.parse("http://us%40er:p%3Aw@proxy.example:3128")
    assert (upstream.host, upstream.port, upstream.authorization) == ("proxy.example", 3128, "Basic dXNAZXI6cDp3")
    assert "dXN" not in repr(upstream)
    assert Upstream.parse("10.0.0.1:8080").port == 8080
    assert Upstream.parse("http://[::1]:8080").host == "[::1]"
    for bad in ("socks5://127.0.0.1:1080", "https://proxy.example", "http://", "http://a:port", "ftp://a"):
        with pytest.raises(SettingsError):
            Upstream.parse(bad)


def test_names_of_the_sites_are_whole_domains() -> None:
    policy = Policy()
    assert policy.trusts("www.youtube.com") and policy.trusts("youtu.be") and policy.trusts("a.b.googlevideo.com")
    for name in ("youtube.com.evil.example", "evilyoutube.com", "com", "youtube", "notyoutu.be"):
        assert not policy.trusts(name)
