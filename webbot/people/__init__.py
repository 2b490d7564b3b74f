"""The people of a server and what belongs to them: devices, invitations, keys, passkeys, roles, what they use. No Flask.

Everything is an entry of the store (store/base.py), so that it is the same for every web process and in every store.
"""

from webbot.people.people import People
from webbot.people.person import Person

__all__ = ["People", "Person"]
