"""Certificates are verified and old TLS is refused, in the one client all requests to EHRs go through."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.ehr.http import ehr_http_client


def certificate(folder: Path, name: str) -> Path:
    """A certificate for this name and 127.0.0.1 that nobody but itself vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    file = folder / f"{name}.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


@asynccontextmanager
async def serving(file: Path) -> AsyncIterator[int]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


async def test_a_certificate_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    file = certificate(tmp_path, "localhost")
    async with serving(file) as port, ehr_http_client({"localhost", "127.0.0.1"}) as client:
        for host in ("localhost", "127.0.0.1"):
            with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await client.get(f"https://{host}:{port}/")


async def test_a_certificate_of_another_name_is_refused_even_by_a_known_authority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same certificate is taken for a name it is made for."""
    file = certificate(tmp_path, "ehr.example.org")
    trusting = ssl.create_default_context(cafile=str(file))
    monkeypatch.setattr("app.ehr.http.httpx2.create_ssl_context", lambda: trusting)
    async with serving(file) as port, ehr_http_client({"localhost", "127.0.0.1"}) as client:
        assert (await client.get(f"https://127.0.0.1:{port}/")).text == "ok"
        with pytest.raises(httpx2.ConnectError, match=r"CERTIFICATE_VERIFY_FAILED.*[Hh]ostname"):
            await client.get(f"https://localhost:{port}/")


async def test_tls_before_1_2_is_never_spoken() -> None:
    async with ehr_http_client() as client:
        context = client._transport._pool._ssl_context  # type: ignore[attr-defined]
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
