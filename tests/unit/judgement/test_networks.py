"""Which hosts are behind a closed door, by name or address."""

import pytest

from pgvector_ready.dsn.providers import provider_of
from pgvector_ready.judgement.target import Network, network_of


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("pg.railway.internal", Network.RAILWAY),
        ("PG.Railway.Internal.", Network.RAILWAY),
        ("dpg-abc123-a", Network.RENDER),
        ("localhost", Network.MACHINE),
        ("127.0.0.2", Network.MACHINE),
        ("::1", Network.MACHINE),
        ("::ffff:127.0.0.1", Network.MACHINE),
        ("/var/run/postgresql", Network.MACHINE),
        ("/cloudsql/project:region:db", Network.MACHINE),
        (None, Network.MACHINE),
        ("10.0.0.1", Network.PRIVATE),
        ("172.31.255.255", Network.PRIVATE),
        ("192.168.1.1", Network.PRIVATE),
        ("100.64.0.1", Network.PRIVATE),
        ("169.254.0.1", Network.PRIVATE),
        ("fd00::1", Network.PRIVATE),
        ("fe80::1", Network.PRIVATE),
        ("::ffff:10.0.0.1", Network.PRIVATE),
        ("db", Network.PRIVATE),
        ("postgres.default.svc.cluster.local", Network.PRIVATE),
        ("pg.internal", Network.PRIVATE),
        ("printer.local", Network.PRIVATE),
        ("db.example.net", None),
        ("monorail.proxy.rlwy.net", None),
        ("dpg-abc123-a.oregon-postgres.render.com", None),
        ("8.8.8.8", None),
        ("2606:4700::1111", None),
        ("::ffff:8.8.8.8", None),
        ("internal", Network.PRIVATE),
        ("railway.internal.example.com", None),
    ],
)
def test_a_closed_network_is_known_by_the_host(host: str | None, network: Network | None) -> None:
    assert network_of(host, provider_of(host)) is network
