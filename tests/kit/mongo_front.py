"""A proxy that adds TLS and users to a server with MongoDB's protocol.

Clients connect by TLS and log in by SCRAM-SHA-256 (RFC 7677, as MongoDB speaks it); then bytes go through untouched.
Before that nothing but the handshake is answered. So a real client's TLS and login are tested on a real socket.
"""

import base64
import hashlib
import hmac
import os
import socket
import ssl
import struct
import threading
from pathlib import Path
from typing import Any

import bson

ITERATIONS = 4_096
_OP_MSG = 2013
_HANDSHAKES = frozenset({"hello", "ismaster", "isMaster"})


class MongoFront:
    """Listens on a port of its own, in threads. `refused` counts logins with a wrong password."""

    def __init__(self, upstream_port: int, user: str, password: str, cert: Path, key: Path) -> None:
        self._upstream_port = upstream_port
        self._user = user
        self._salt = os.urandom(16)
        self._salted = hashlib.pbkdf2_hmac("sha256", password.encode(), self._salt, ITERATIONS)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(cert, key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.logins = 0
        self.refused = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            with (
                self._context.wrap_socket(plain, server_side=True) as client,
                socket.create_connection(("127.0.0.1", self._upstream_port)) as server,
            ):
                if self._log_in(client, server):
                    threading.Thread(target=_pass_on, args=(server, client), daemon=True).start()
                    _pass_on(client, server)
        except OSError:
            plain.close()  # a client that went away, or whose TLS failed

    def _log_in(self, client: socket.socket, server: socket.socket) -> bool:
        """Answer until the client is logged in; return False if it disconnects."""
        first_bare = nonce = server_first = ""
        while (message := _message(client)) is not None:
            command = _command(message)
            name = next(iter(command), "")
            if name in _HANDSHAKES:
                server.sendall(message)
                client.sendall(_message(server) or b"")
            elif name == "saslStart":
                first_bare = bytes(command["payload"]).decode().partition(",,")[2]
                asked = dict(part.split("=", 1) for part in first_bare.split(","))
                nonce = asked["r"] + base64.b64encode(os.urandom(18)).decode()
                server_first = f"r={nonce},s={base64.b64encode(self._salt).decode()},i={ITERATIONS}"
                self._reply(client, message, {"conversationId": 1, "done": False, "payload": server_first.encode()})
            elif name == "saslContinue":
                final = bytes(command["payload"]).decode()
                signature = self._verified(first_bare, server_first, final, nonce)
                if signature is None:
                    self.refused += 1
                    self._reply(client, message, {"ok": 0.0, "code": 18, "errmsg": "Authentication failed."})
                    continue
                self.logins += 1
                self._reply(client, message, {"conversationId": 1, "done": True, "payload": b"v=" + signature})
                return True
            else:
                self._reply(client, message, {"ok": 0.0, "code": 13, "errmsg": f"{name} requires authentication"})
        return False

    def _verified(self, first_bare: str, server_first: str, final: str, nonce: str) -> bytes | None:
        """Return the server's signature if user and proof are right."""
        without_proof, _, proof = final.rpartition(",p=")
        signed = f"{first_bare},{server_first},{without_proof}".encode()
        client_key = hmac.digest(self._salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
        expected_proof = base64.b64encode(bytes(a ^ b for a, b in zip(client_key, signature, strict=True)))
        if (
            f"n={self._user}," not in first_bare
            or f"r={nonce}" not in without_proof
            or proof.encode() != expected_proof
        ):
            return None
        server_key = hmac.digest(self._salted, b"Server Key", "sha256")
        return base64.b64encode(hmac.digest(server_key, signed, "sha256"))

    def _reply(self, client: socket.socket, to: bytes, document: dict[str, Any]) -> None:
        body = struct.pack("<iB", 0, 0) + bson.encode({"ok": 1.0} | document)
        client.sendall(struct.pack("<iiii", 16 + len(body), 1, struct.unpack_from("<i", to, 4)[0], _OP_MSG) + body)


def _message(peer: socket.socket) -> bytes | None:
    """Read one message of the wire protocol; None at the end."""
    head = _exactly(peer, 4)
    if head is None:
        return None
    rest = _exactly(peer, struct.unpack("<i", head)[0] - 4)
    return None if rest is None else head + rest


def _exactly(peer: socket.socket, size: int) -> bytes | None:
    got = b""
    while len(got) < size:
        more = peer.recv(size - len(got))
        if not more:
            return None
        got += more
    return got


def _command(message: bytes) -> dict[str, Any]:
    is_message = struct.unpack_from("<i", message, 12)[0] == _OP_MSG
    # After header, flags and the kind of the first section; in a first handshake's OP_QUERY after flags and name.
    start = 21 if is_message else message.index(b"\0", 20) + 9
    size = struct.unpack_from("<i", message, start)[0]
    decoded: dict[str, Any] = bson.decode(message[start : start + size])
    return decoded


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
    except OSError:
        return
    finally:
        target.close()
