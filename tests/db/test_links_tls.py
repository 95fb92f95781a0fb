"""External servers over TLS: spoken to when their authority is the one that was named, refused when it is not."""

from __future__ import annotations

import datetime
import socket
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from db.errors import StorageUnavailable
from db.links import maria_arguments, redis_client
from db.settings import Settings, load_settings
from server.callback.wire import Wire
from tests.services import PASSWORD, start_maria, start_redis


def make_authority(directory: Path, name: str) -> Path:
    """Write ``name.pem`` and ``name.key``: a certificate of localhost that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (directory / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (directory / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return directory / f"{name}.pem"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_authority(tmp_path_factory.mktemp("authority"), "right")


@pytest.fixture(scope="module")
def redis_port(authority: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port = free_port()
    files = f"tls-cert-file {authority}\ntls-key-file {authority.with_suffix('.key')}\ntls-ca-cert-file {authority}"
    service = start_redis(
        tmp_path_factory.mktemp("redis"), f"tls-port {port}\nbind 127.0.0.1\ntls-auth-clients no\n{files}"
    )
    yield port
    service.stop()


@pytest.fixture(scope="module")
def maria_port(authority: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port = free_port()
    more = [f"--port={port}", "--bind-address=127.0.0.1", f"--ssl-cert={authority}"]
    service = start_maria(tmp_path_factory.mktemp("maria"), more=[*more, f"--ssl-key={authority.with_suffix('.key')}"])
    yield port
    service.stop()


def external(directory: Path, **storage: str) -> Settings:
    password = directory / "password"
    password.write_text(PASSWORD)
    keys = {**storage, "redis_password_file": str(password), "mariadb_password_file": str(password)}
    config = directory / "salo.toml"
    config.write_text("[storage]\n" + "".join(f'{key} = "{value}"\n' for key, value in keys.items()))
    return load_settings(config, {"SALO_HOME": str(directory / "home")})


def test_redis_is_spoken_to_over_tls(redis_port: int, authority: Path, tmp_path: Path) -> None:
    settings = external(tmp_path, redis=f"rediss://localhost:{redis_port}", redis_ca_file=str(authority))
    assert redis_client(settings, 3).ping()
    assert Wire(settings).call("PING") == b"PONG"


def test_redis_of_another_authority_is_refused(redis_port: int, tmp_path: Path) -> None:
    other = make_authority(tmp_path, "wrong")
    settings = external(tmp_path, redis=f"rediss://localhost:{redis_port}", redis_ca_file=str(other))
    with pytest.raises(redis.ConnectionError, match="certificate"):
        redis_client(settings).ping()
    with pytest.raises(StorageUnavailable, match="certificate"):
        Wire(settings).call("PING")


def test_mariadb_is_spoken_to_over_tls(maria_port: int, authority: Path, tmp_path: Path) -> None:
    settings = external(tmp_path, mariadb=f"mysql://salo@localhost:{maria_port}", mariadb_ca_file=str(authority))
    with pymysql.connect(**maria_arguments(settings)) as connection, connection.cursor() as cursor:
        cursor.execute("show status like 'Ssl_cipher'")
        _name, cipher = cursor.fetchone()
        assert cipher


def test_mariadb_of_another_authority_is_refused(maria_port: int, tmp_path: Path) -> None:
    other = make_authority(tmp_path, "wrong")
    settings = external(tmp_path, mariadb=f"mysql://salo@localhost:{maria_port}", mariadb_ca_file=str(other))
    with pytest.raises(pymysql.err.OperationalError, match="certificate"):
        pymysql.connect(**maria_arguments(settings))
