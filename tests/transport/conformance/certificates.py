"""Certificates of an authority that only the tests trust."""

import ssl
from pathlib import Path

import trustme
from attrs import define, field


@define
class Authority:
    """An authority, and the file with its certificate."""

    file: Path
    _ca: trustme.CA = field(factory=trustme.CA)

    def __attrs_post_init__(self) -> None:
        self._ca.cert_pem.write_to_path(str(self.file))

    def server(self, *names: str) -> ssl.SSLContext:
        """A context for a server that is certified to have these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*names).configure_cert(context)
        return context

    def server_for(self, client: "Authority", *names: str) -> ssl.SSLContext:
        """The same, for one that asks for a certificate of a client."""
        context = self.server(*names)
        context.verify_mode = ssl.CERT_REQUIRED
        client._ca.configure_trust(context)
        return context

    def client(self, name: str) -> tuple[bytes, str]:
        """A client's certificate and key, in PEM."""
        issued = self._ca.issue_cert(name)
        return issued.cert_chain_pems[0].bytes(), issued.private_key_pem.bytes().decode()
