"""A certificate authority for the tests, with its certificates, made by openssl."""

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from tools.local.cache import MissingToolError


class Certified(NamedTuple):
    """PEM files."""

    certificate: Path
    key: Path
    both: Path
    """Key and certificate in one file, as Kafka takes them."""


class Authority:
    """Signs for 127.0.0.1 and localhost; its own certificate is at `ca`.

    Raises:
        MissingToolError: openssl is not there.
    """

    def __init__(self, folder: Path) -> None:
        if shutil.which("openssl") is None:
            raise MissingToolError("no openssl: install it, the tests make certificates with it")
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.ca = folder / "ca.pem"
        self._key = folder / "ca.key"
        _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=rentmatch tests",
                 "-keyout", self._key, "-out", self.ca)  # fmt: skip

    def sign(self, name: str) -> Certified:
        """Make a key and a certificate."""
        key, request, certificate = (self._folder / f"{name}.{kind}" for kind in ("key", "csr", "pem"))
        extensions = self._folder / f"{name}.ext"
        extensions.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        _openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        _openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self._key, "-CAcreateserial", "-days", "2",
                 "-extfile", extensions, "-out", certificate)  # fmt: skip
        both = self._folder / f"{name}.both"
        both.write_text(key.read_text() + certificate.read_text())
        return Certified(certificate, key, both)


def _openssl(*words: str | Path) -> None:
    done = subprocess.run(["openssl", *words], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {words[0]}: {done.stderr}")
