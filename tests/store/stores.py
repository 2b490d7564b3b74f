"""The stores that the contract is tested over; a new store is one more entry."""

from webbot.store.sql import SqlStore

STORES = {"sql": lambda folder: SqlStore(f"sqlite:///{folder}/data/webbot.db")}
