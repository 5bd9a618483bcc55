"""The console's files: compressed, kept where they may be, and every page of the console."""

import gzip

import pytest

from gateway.web.console_files import PAGES, ConsoleMissing, console_files
from tests.kit.gateway_process import OURS


def test_every_page_is_the_console(gateway):
    browser = gateway.browser()
    index = browser.get("/")
    for page in PAGES:
        for path in (f"/{page}", f"/{page}/some%2Fid", f"/{page}?x=1"):
            assert browser.get(path).body == index.body
    assert browser.get("/nothing").status == 404
    assert browser.get("/persisted-documents.json").status == 404


def test_files_are_compressed_for_those_who_take_it(gateway):
    plain = gateway.browser().get("/assets/index-1.js", {"Accept-Encoding": "identity"})
    zipped = gateway.browser().get("/assets/index-1.js", {"Accept-Encoding": "br, gzip"})
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped.body) == plain.body
    assert len(zipped.body) < len(plain.body) / 5
    assert plain.headers["Content-Type"] == "text/javascript; charset=utf-8"


def test_a_file_that_has_not_changed_is_not_sent_again(gateway):
    first = gateway.browser().get("/")
    again = gateway.browser().get("/", {**OURS, "If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("name", ["../index.html", "..%2Findex.html", "%2e%2e/persisted-documents.json", "index-2.js"])
def test_there_is_nothing_outside_of_the_build(gateway, name):
    assert gateway.browser().get(f"/assets/{name}").status == 404


def test_without_a_build_there_is_no_console(tmp_path):
    with pytest.raises(ConsoleMissing, match="make console"):
        console_files(tmp_path / "no such folder")
    with pytest.raises(ConsoleMissing):
        console_files(tmp_path)
