"""The authority and the certificate: what they say, who can read them, when they are made again."""

import os
import socket
import ssl
import stat
import subprocess
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from webbot import addresses, authority, certs, settings
from webbot.errors import SettingsError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def chosen(folder, **given):
    return settings.load({}, certs=folder / "certs", **given)


def loaded(path):
    return x509.load_pem_x509_certificates(path.read_bytes())


def extension(certificate, kind):
    return certificate.extensions.get_extension_for_class(kind)


def test_the_certificate_says_what_browsers_ask_for(tmp_path):
    files = certs.ensure(chosen(tmp_path, hosts=("chat.example.org",)), now=NOW)
    leaf, signer = loaded(files.chain)
    names = set(authority.names_of(leaf))
    assert {"localhost", "127.0.0.1", "::1", "chat.example.org", *addresses.lan_addresses()} <= names
    if addresses.host_name():
        assert {addresses.host_name(), f"{addresses.host_name()}.local"} <= names
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= timedelta(days=397)
    assert list(extension(leaf, x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert not extension(leaf, x509.BasicConstraints).value.ca
    assert isinstance(leaf.public_key(), ec.EllipticCurvePublicKey)
    assert authority.has_signed(signer, leaf) and signer == loaded(files.authority)[0]
    assert extension(signer, x509.BasicConstraints).value.ca
    assert 3600 < (signer.not_valid_after_utc - NOW).days < 3700


def test_openssl_accepts_the_chain_and_the_constraints(tmp_path):
    files = certs.ensure(chosen(tmp_path))
    for name in ("localhost", addresses.host_name() or "localhost"):
        checked = subprocess.run(
            ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", name,
             "-CAfile", files.authority, files.chain],
            capture_output=True, text=True, timeout=30, check=False,
        )
        assert checked.returncode == 0, checked.stderr


def test_the_authority_cannot_stand_for_a_foreign_name(tmp_path):
    files = certs.ensure(chosen(tmp_path), now=datetime.now(UTC))
    signer = loaded(files.authority)[0]
    assert authority.may_sign(signer, ["localhost", "printer.local", "192.168.7.7"])
    assert not authority.may_sign(signer, ["bank.example"]) and not authority.may_sign(signer, ["8.8.8.8"])
    stolen = certs._load(files.authority, tmp_path / "certs" / "ca-key.pem")
    made, key = authority.make_leaf(["bank.example"], stolen, datetime.now(UTC))
    chain, key_file = tmp_path / "evil.pem", tmp_path / "evil-key.pem"
    chain.write_bytes(authority.certificate_pem(made))
    key_file.write_bytes(authority.key_pem(key))
    assert "permitted subtree violation" in handshake(certs.Files(chain, key_file, None), files.authority, "bank.example")


def handshake(files, trusted, name):
    """The error of a client that trusts `trusted` and asks for `name`; "" when it is content."""
    ours, theirs = socket.socketpair()
    trouble = []

    def ask():
        try:
            ssl.create_default_context(cafile=trusted).wrap_socket(theirs, server_hostname=name).close()
        except ssl.SSLError as error:
            trouble.append(str(error))
            theirs.close()

    client = threading.Thread(target=ask)
    client.start()
    try:
        certs.context(files).wrap_socket(ours, server_side=True).close()
    except OSError:
        ours.close()
    client.join(10)
    return "".join(trouble)


def test_a_client_that_trusts_the_authority_is_content(tmp_path):
    files = certs.ensure(chosen(tmp_path))
    assert handshake(files, files.authority, "localhost") == ""
    assert handshake(files, files.authority, "127.0.0.1") == ""
    assert "Hostname mismatch" in handshake(files, files.authority, "elsewhere.example")


def test_only_the_owner_can_read_a_key_from_its_first_byte_on(tmp_path, monkeypatch):
    modes = []
    real_open = os.open

    def watching(path, flags, mode=0o777, **kwargs):
        handle = real_open(path, flags, mode, **kwargs)
        if "key" in str(path):
            modes.append(stat.S_IMODE(os.fstat(handle).st_mode))
        return handle

    old = os.umask(0)
    try:
        monkeypatch.setattr(os, "open", watching)
        files = certs.ensure(chosen(tmp_path))
    finally:
        os.umask(old)
    assert modes == [0o600, 0o600]
    for key in (files.key, tmp_path / "certs" / "ca-key.pem"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert not list((tmp_path / "certs").glob(".*draft"))


def test_nothing_is_made_again_without_need(tmp_path):
    files = certs.ensure(chosen(tmp_path), now=NOW)
    before = {path.name: path.read_bytes() for path in files.chain.parent.iterdir()}
    certs.ensure(chosen(tmp_path), now=NOW + timedelta(days=300))
    assert {path.name: path.read_bytes() for path in files.chain.parent.iterdir()} == before


@pytest.mark.parametrize(("days", "renewed"), [(365, False), (368, True), (500, True)])
def test_the_certificate_is_renewed_thirty_days_before_its_end(tmp_path, days, renewed):
    files = certs.ensure(chosen(tmp_path), now=NOW)
    old, old_authority = loaded(files.chain)[0], files.authority.read_bytes()
    certs.ensure(chosen(tmp_path), now=NOW + timedelta(days=days))
    assert (loaded(files.chain)[0] != old) is renewed
    assert files.authority.read_bytes() == old_authority  # phones keep trusting


def test_a_new_name_brings_a_new_certificate_and_a_private_one_keeps_the_authority(tmp_path):
    files = certs.ensure(chosen(tmp_path), now=NOW)
    held = files.authority.read_bytes()
    certs.ensure(chosen(tmp_path, hosts=("10.1.2.3", "attic.local")), now=NOW)
    assert {"10.1.2.3", "attic.local"} <= set(certs.facts(files.chain).names)
    assert files.authority.read_bytes() == held
    certs.ensure(chosen(tmp_path, hosts=("chat.example.org",)), now=NOW)
    assert "chat.example.org" in certs.facts(files.chain).names
    assert files.authority.read_bytes() != held  # the old one may not sign that name


@pytest.mark.parametrize("harm", ["no key", "half a certificate", "foreign key", "rubbish"])
def test_harmed_files_are_made_again(tmp_path, harm):
    files = certs.ensure(chosen(tmp_path))
    if harm == "no key":
        files.key.unlink()
    elif harm == "half a certificate":
        files.chain.write_bytes(files.chain.read_bytes()[:200])
    elif harm == "foreign key":
        files.key.write_bytes((tmp_path / "certs" / "ca-key.pem").read_bytes())
    else:
        files.key.write_bytes(b"\xff\x00")
    certs.ensure(chosen(tmp_path))
    assert certs.context(files)


def test_a_key_open_to_others_is_refused_with_the_remedy(tmp_path):
    files = certs.ensure(chosen(tmp_path))
    files.key.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        certs.ensure(chosen(tmp_path))


def test_two_processes_that_start_together_make_one_authority(tmp_path):
    made = []
    threads = [threading.Thread(target=lambda: made.append(certs.ensure(chosen(tmp_path)))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(made) == 6 and certs.context(made[0])
    assert authority.has_signed(*reversed(loaded(made[0].chain)))


def test_a_name_that_is_none_is_named(tmp_path):
    with pytest.raises(SettingsError, match="WEBBOT_HOSTS"):
        certs.ensure(chosen(tmp_path, hosts=("bücher.example",)))


def test_the_own_certificate_is_served_and_its_end_is_said(tmp_path):
    made = certs.ensure(chosen(tmp_path), now=NOW)
    own = settings.load({}, certs=tmp_path / "unused", certificate=str(made.chain), certificate_key=str(made.key))
    files = certs.ensure(own)
    assert files.authority is None and certs.context(files) and not (tmp_path / "unused").exists()
    ends = certs.facts(made.chain).ends
    assert certs.warning(files, now=ends - timedelta(days=15)) == ""
    assert "ends on" in certs.warning(files, now=ends - timedelta(days=14))
    assert "ended on" in certs.warning(files, now=ends + timedelta(seconds=1))


def test_current_takes_over_a_new_pair_and_leaves_out_a_wrong_one(tmp_path):
    files = certs.ensure(chosen(tmp_path))
    current = certs.Current(files)
    first = current.context
    assert not current.refresh() and current.context is first
    certs.ensure(chosen(tmp_path), anew=True)
    assert current.refresh()
    second = current.context
    assert second is not first
    files.key.write_bytes((tmp_path / "certs" / "ca-key.pem").read_bytes())
    assert not current.refresh() and current.context is second
    files.key.unlink()
    assert not current.refresh() and current.context is second


def test_lan_addresses_are_neither_loopback_nor_link_local():
    for address in addresses.lan_addresses():
        assert not address.startswith(("127.", "169.254.", "fe80:")) and address != "::1"
