"""A web server that other machines can reach needs a token, and no message reveals one."""

import socket

import pytest

from streams.settings import NO_WEB_SERVER, Settings, SettingsError, is_loopback, load

TOKEN = "0123456789abcdef"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "rent-1", "192.168.1.1", "127.0.0.1.example"])
def test_without_a_token_only_loopback_is_served(host):
    with pytest.raises(SettingsError, match=r"RENTMATCH_HTTP_HOST is .* and RENTMATCH_HTTP_TOKEN is not set: set a"):
        Settings(http_host=host).check_web()
    Settings(http_host=host, http_token=TOKEN).check_web()
    Settings(http_host=host, http_port=0).check_web()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost", "LOCALHOST"])
def test_a_loopback_address_needs_no_token(host):
    assert is_loopback(host)
    Settings(http_host=host).check_web()


def test_several_tokens_are_accepted():
    assert Settings().http_tokens == ()
    assert Settings(http_token=f"{TOKEN}, other-{TOKEN}").http_tokens == (TOKEN.encode(), f"other-{TOKEN}".encode())


@pytest.mark.parametrize("token", ["hunter2", f"{TOKEN},hunter2", f"{TOKEN},", "", f"{TOKEN} hunter2", "ü" * 20])
def test_an_invalid_token_is_refused_and_not_repeated(token):
    with pytest.raises(SettingsError, match=r"^RENTMATCH_HTTP_TOKEN: ") as caught:
        load({"RENTMATCH_HTTP_TOKEN": token})
    assert "hunter2" not in str(caught.value)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "http://127.0.0.1:6066"),
        ({"http_host": "rent-1", "http_port": 80}, "http://rent-1:80"),
        ({"http_host": "::1"}, "http://[::1]:6066"),
        ({"http_host": "0.0.0.0"}, f"http://{socket.gethostname()}:6066"),
        ({"http_host": "::"}, f"http://{socket.gethostname()}:6066"),
        ({"http_advertised_url": "https://rent-1.example/workers/1/"}, "https://rent-1.example/workers/1"),
        ({"http_port": 0}, NO_WEB_SERVER),
    ],
)
def test_the_advertised_url(settings, url):
    assert Settings(**settings).advertised_url == url


@pytest.mark.parametrize("url", ["rent-1:6066", "ftp://rent-1", "http://", "http://u:p@rent-1", "http://rent-1?x", ""])
def test_an_advertised_url_is_a_root(url):
    with pytest.raises(SettingsError, match="RENTMATCH_HTTP_ADVERTISED_URL"):
        load({"RENTMATCH_HTTP_ADVERTISED_URL": url})
