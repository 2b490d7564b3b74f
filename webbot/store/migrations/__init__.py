"""The steps by which a database of an older webbot becomes one of this, for Alembic. Only sql_migrations.py uses them.

A step is never changed once a webbot with it was in use: it says what the tables were then, and imports no tables of today.
"""
