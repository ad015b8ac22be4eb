"""TLS of the server itself, and which certificate a client has shown.

uvicorn does not tell an application who is at the other end of a TLS connection. `ShowsPeer` does, in the way of
the ASGI TLS extension: `scope["extensions"]["tls"]["client_cert_chain"]`, PEM. It comes from the handshake, so no
header can pretend it; a proxy that ends TLS before the server hides it, and agents behind one use tokens.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mes.platform.errors import Problem
from mes.platform.settings import TlsSettings

EXTENSION = "tls"
CHAIN = "client_cert_chain"


class TlsUnusable(Problem):
    """The server cannot speak TLS with certificate {certificate} and key {key}: {why}"""

    code = "tls.unusable"


class ClientAuthorityUnusable(Problem):
    """{file} holds no authorities whose client certificates could be taken: {why}"""

    code = "tls.client_authority_unusable"


class ShowsPeer(HttpToolsProtocol):
    """One HTTP connection; the application sees the certificate that the client has shown."""

    def connection_made(  # type: ignore[override]
        self, transport: asyncio.Transport
    ) -> None:
        """Look at the client's certificate once: it stays the same as long as the connection."""
        super().connection_made(transport)
        session = transport.get_extra_info("ssl_object")
        shown = session.getpeercert(binary_form=True) if session is not None else None
        if shown:
            self.app = _with_peer(self.app, ssl.DER_cert_to_PEM_cert(shown))


def _with_peer(app: Any, pem: str) -> ASGIApp:
    async def told(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("extensions", {})[EXTENSION] = {CHAIN: (pem,)}
        await app(scope, receive, send)

    return told


def peer_certificate(scope: MutableMapping[str, Any]) -> bytes | None:
    """Return the certificate (DER) that the client has shown and TLS has verified; None: it showed none."""
    extensions: Mapping[str, Any] = scope.get("extensions") or {}
    chain = extensions.get(EXTENSION, {}).get(CHAIN, ())
    return ssl.PEM_cert_to_DER_cert(chain[0]) if chain else None


def secure(config: uvicorn.Config, tls: TlsSettings, *, authority: Path) -> None:
    """Let a server speak TLS, and believe client certificates of an authority and of `tls.client_ca`.

    Clients need none: people sign in, and agents may have tokens.

    Args:
        authority: certificate of the authority (PEM).

    Raises:
        TlsUnusable, ClientAuthorityUnusable: a file is missing or is not what it should be.
    """
    config.http = ShowsPeer
    config.load()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        password = tls.key_password_file.read_text().strip() if tls.key_password_file else ""
        # Without a password an encrypted key is refused; the library would ask for it on the terminal.
        context.load_cert_chain(str(tls.certificate), str(tls.key), password=lambda: password)
    except (OSError, UnicodeDecodeError) as error:
        raise TlsUnusable(certificate=tls.certificate, key=tls.key, why=_words(error)) from error
    for file in (authority, tls.client_ca):
        if file is None:
            continue
        try:
            context.load_verify_locations(file)
        except OSError as error:
            raise ClientAuthorityUnusable(file=file, why=_words(error)) from error
    context.verify_mode = ssl.CERT_OPTIONAL
    context.set_alpn_protocols(["http/1.1"])
    config.ssl_certfile, config.ssl_keyfile, config.ssl = tls.certificate, tls.key, context


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return str(error.reason or error).replace("_", " ").lower()
    return getattr(error, "strerror", None) or str(error)
