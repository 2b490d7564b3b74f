"""Which server a URL means, and that a password is shown nowhere."""

from __future__ import annotations

import pytest

from webbot.errors import SettingsError
from webbot.store.redis_address import read


@pytest.mark.parametrize(("url", "options"), [
    ("redis://db", {"host": "db", "port": 6379, "db": 0}),
    ("redis://db:7000/3", {"host": "db", "port": 7000, "db": 3}),
    ("redis://[::1]:7000/3", {"host": "::1", "port": 7000, "db": 3}),
    ("redis://:s%40cret@db/1", {"host": "db", "port": 6379, "db": 1, "password": "s@cret"}),
    ("redis://ann:s%2Fcret@db", {"host": "db", "port": 6379, "db": 0, "username": "ann", "password": "s/cret"}),
    ("rediss://db/2?ssl_ca_certs=/ca.pem&ssl_check_hostname=no",
     {"host": "db", "port": 6379, "db": 2, "ssl_ca_certs": "/ca.pem", "ssl_check_hostname": False}),
    ("unix:///run/redis.sock?db=4", {"path": "/run/redis.sock", "db": 4}),
    ("unix://:s%40cret@/run/redis.sock", {"path": "/run/redis.sock", "db": 0, "password": "s@cret"}),
])
def test_what_an_address_means(url, options):
    found = read(url)
    assert found.options == options
    assert found.wants_aof
    assert "cret" not in f"{found!r} {found.shown}"


def test_a_log_is_wanted_unless_the_address_says_no():
    assert not read("redis://db/0?aof=no").wants_aof
    assert read("redis://db/0?aof=yes").wants_aof


@pytest.mark.parametrize("url", [
    "", "redis", "http://s3cret@db", "redis://:s3cret@db:port", "redis://:s3cret@db/x", "redis://:s3cret@db/-1", "redis://s3cret@db",
    "redis://:s3cret@db?aof=perhaps", "redis://:s3cret@db?s3cret=1", "unix://:s3cret@/?db=0", "redis://:s3cret@[::1",
    "redis://:s3#cret@db", "rediss://:s3cret@db?ssl_cert_reqs=s3cret", "redis://:s3cret@db:99999", "redis://:s3/cret@db",
])
def test_what_is_none_is_refused_without_a_word_of_it(url):
    with pytest.raises(SettingsError) as refused:
        read(url)
    assert "s3" not in f"{refused.value} {refused.value.values}"
