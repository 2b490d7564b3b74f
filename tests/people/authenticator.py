"""An authenticator in a few lines, as a browser has one: it makes passkeys (ES256, no attestation) and signs challenges."""

import hashlib
import json
import os
import struct

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn import base64url_to_bytes
from webauthn.helpers import bytes_to_base64url

PRESENT, VERIFIED, ATTESTED = 1, 4, 64


class Authenticator:
    """Holds one passkey. `counts` is what it adds to its counter at each use; 0 is one that does not count."""

    def __init__(self, origin="https://localhost", counts=1):
        self.origin, self.counts, self.counter = origin, counts, 0
        self.id, self.key, self.user, self.site = os.urandom(32), ec.generate_private_key(ec.SECP256R1()), b"", ""

    def create(self, options, **changes):
        """What navigator.credentials.create() gives, as JSON has it."""
        self.user, self.site = base64url_to_bytes(options["user"]["id"]), options["rp"]["id"]
        public = self.key.public_key().public_numbers()
        key = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: public.x.to_bytes(32, "big"), -3: public.y.to_bytes(32, "big")})
        attested = bytes(16) + struct.pack(">H", len(self.id)) + self.id + key
        data = self._data(PRESENT | VERIFIED | ATTESTED) + attested
        return self._packed(
            clientDataJSON=self._client("webauthn.create", options["challenge"], **changes),
            attestationObject=cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data}), transports=["internal"],
        )

    def get(self, options, **changes):
        """What navigator.credentials.get() gives."""
        self.counter += self.counts
        client = self._client("webauthn.get", options["challenge"], **changes)
        data = self._data(PRESENT | VERIFIED)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._packed(clientDataJSON=client, authenticatorData=data, signature=signature, userHandle=self.user)

    def _data(self, flags):
        return hashlib.sha256(self.site.encode()).digest() + struct.pack(">BI", flags, self.counter)

    def _client(self, kind, asked, **changes):
        return json.dumps({"type": kind, "challenge": asked, "origin": self.origin, "crossOrigin": False, **changes}).encode()

    def _packed(self, **response):
        told = {name: bytes_to_base64url(part) if isinstance(part, bytes) else part for name, part in response.items()}
        id = bytes_to_base64url(self.id)
        return {"id": id, "rawId": id, "type": "public-key", "response": told, "clientExtensionResults": {}}
