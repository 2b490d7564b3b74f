"""Stores: conversations, messages, sessions. The contract is in base; SQLite and PostgreSQL in sql."""
