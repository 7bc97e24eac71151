"""The write lock connects to the server as the lake does: with the TLS options of the address."""

import datetime
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lakehouse.lake import Lake
from lakehouse.lake.lock import write_lock
from lakehouse.lake.server_lock import CatalogDown
from lakehouse.settings import Settings, load_settings
from tests.lake.server import running_server

pytestmark = pytest.mark.slow
_SSL_REQUEST = (80877103).to_bytes(4, "big")


def make_certificate(folder: Path, name: str) -> Path:
    """A self-signed certificate of `localhost`, with its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _serve(client: socket.socket, target: str, context: ssl.SSLContext) -> None:
    with suppress(OSError):  # a client that rejects the certificate disconnects
        while client.recv(8)[4:] != _SSL_REQUEST:
            client.sendall(b"N")  # clients ask for Kerberos first
        client.sendall(b"S")
        with (
            context.wrap_socket(client, server_side=True) as secure,
            socket.socket(socket.AF_UNIX) as server,
        ):
            server.connect(target)
            back = threading.Thread(target=_pump, args=(server, secure), daemon=True)
            back.start()
            _pump(secure, server)
            back.join()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """The address of a PostgreSQL behind TLS, with the certificate `right.pem`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(make_certificate(folder, "right"))
    make_certificate(folder, "wrong")
    with (
        running_server(folder / "pg") as server,
        socket.create_server(("127.0.0.1", 0)) as listening,
    ):
        direct, _, socket_folder = server.settings(folder).catalog.partition("?host=")
        target = f"{socket_folder}/.s.PGSQL.5432"

        def accept() -> None:
            with suppress(OSError):
                while True:
                    arguments = (listening.accept()[0], target, context)
                    threading.Thread(target=_serve, args=arguments, daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield direct.replace("@/", f"@localhost:{listening.getsockname()[1]}/")


def reached(address: str, folder: Path, certificate: str) -> Settings:
    options = f"?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert={folder / certificate}"
    return load_settings({}, data_dir=folder / "data", catalog=address + options)


def test_the_lake_and_its_lock_use_the_certificate_in_the_address(
    address: str, folder: Path
) -> None:
    settings = reached(address, folder, "right.pem")
    with Lake(settings) as lake, write_lock(settings, "me"):
        assert lake.snapshot() > 0


def test_a_server_with_another_certificate_is_rejected(address: str, folder: Path) -> None:
    with pytest.raises(CatalogDown, match="certificate verify failed"):
        with write_lock(reached(address, folder, "wrong.pem"), "me"):
            pass
