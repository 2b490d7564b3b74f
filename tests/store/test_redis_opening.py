"""Which servers are refused, with what sentence, and what is found in them."""

from __future__ import annotations

import itertools
import shutil
import socket
import subprocess
import time

import pytest
from redis import Redis

from tests.servers import RedisServer
from webbot.errors import SettingsError, Unavailable
from webbot.store.redis import RedisStore

databases = itertools.count(1)


@pytest.fixture(scope="module")
def server():
    started = RedisServer()
    yield started
    started.stop()


@pytest.fixture
def url(server):
    """An empty database, and the server's settings as they were."""
    yield server.url(next(databases))
    for name, value in (("appendonly", "yes"), ("maxmemory-policy", "noeviction"), ("maxmemory", "0")):
        server.ask("CONFIG", "SET", name, value)


def refused(url):
    with pytest.raises(SettingsError) as problem:
        RedisStore(url)
    return str(problem.value)


def test_a_server_without_a_log_is_refused_unless_it_is_wanted(server, url):
    server.ask("CONFIG", "SET", "appendonly", "no")
    assert "appendonly yes" in refused(url)
    RedisStore(url + "&aof=no").close()


def test_a_server_that_deletes_what_it_has_no_room_for_is_refused(server, url):
    server.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    assert "maxmemory-policy noeviction" in refused(url)
    assert "allkeys-lru" in refused(url + "&aof=no")


def test_what_is_changed_later_shows_in_the_check(server, url):
    store = RedisStore(url)
    store.check()
    server.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    with pytest.raises(Unavailable, match="noeviction"):
        store.check()
    store.close()


def test_a_wrong_password_is_told_and_not_repeated():
    server = RedisServer(requirepass="right")
    try:
        for tried in (server.url().replace("unix://", "unix://:wr0ng@"), server.url()):
            sentence = refused(tried)
            assert "refuses the user or the password" in sentence
            assert "wr0ng" not in sentence
        store = RedisStore(server.url().replace("unix://", "unix://:right@"))
        store.create_conversation("ann")
        assert "right" not in repr(store)
        store.close()
    finally:
        server.stop()


def test_a_user_who_may_not_do_enough_is_refused(server, url):
    server.ask("ACL", "SETUSER", "guest", "on", ">guest", "~other:*", "+@all")
    assert "does not let this user" in refused(url.replace("unix://", "unix://guest:guest@"))


def test_a_newer_store_and_another_programs_are_refused(server, url):
    with Redis(unix_socket_path=str(server.socket), db=int(url.rpartition("=")[2])) as client:
        client.hset("webbot:about", "schema", 99)
        assert "newer webbot (format 99" in refused(url)
        client.delete("webbot:about")
        client.set("webbot:about", "x")
        assert "another program" in refused(url)


def test_a_server_that_was_emptied_meanwhile_is_opened_again(server, url, caplog):
    store = RedisStore(url)
    with Redis(unix_socket_path=str(server.socket), db=int(url.rpartition("=")[2])) as client:
        client.flushdb()
        made = store.create_conversation("ann", title="Trees")
        store.check()
        store.close()
        assert set(client.hkeys("webbot:about")) == {b"changes", b"checked"}
        store = RedisStore(url)
        assert client.hget("webbot:about", "schema") == b"1"
        assert "was emptied while webbot ran" in caplog.text
        assert store.conversations("ann") == [made]
        assert store.verify() == []
        store.close()
        client.hdel("webbot:about", "schema")
        client.hset("webbot:about", "color", "red")
        assert "another program" in refused(url)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_a_server_with_tls_is_believed_only_with_its_certificate(tmp_path):
    certificate, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate]
    subprocess.run(made, check=True, capture_output=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = RedisServer(**{"tls-port": str(port), "tls-cert-file": certificate, "tls-key-file": key, "tls-auth-clients": "no",
                            "tls-ca-cert-file": certificate})
    try:
        store = RedisStore(f"rediss://localhost:{port}/1?ssl_ca_certs={certificate}")
        made = store.create_conversation("ann", title="Trees")
        assert store.conversations("ann") == [made]
        store.close()
        assert "ssl_ca_certs" in refused(f"rediss://localhost:{port}/1")
    finally:
        server.stop()


def test_a_server_that_is_away_is_told_soon(tmp_path):
    for away in (f"unix://{tmp_path}/nothing.sock", "redis://127.0.0.1:1/0"):
        began = time.monotonic()
        with pytest.raises(Unavailable) as problem:
            RedisStore(away)
        assert problem.value.retry_after
        assert time.monotonic() - began < 10  # seconds: it is under two, but for a busy machine


def test_a_replica_and_a_cluster_are_refused(server):
    replica = RedisServer(replicaof="127.0.0.1 1")
    cluster = RedisServer(**{"cluster-enabled": "yes", "databases": "1", "port": "0"})
    try:
        assert "replica" in refused(replica.url())
        assert "cluster" in refused(cluster.url())
    finally:
        replica.stop()
        cluster.stop()
