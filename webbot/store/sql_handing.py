"""All conversations of an owner given to another one. It works in the transaction it is given, in few statements however many."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, func, select, text

from webbot.store import sql_index as index
from webbot.store import sql_turns as turns
from webbot.store.sql_schema import Key, conversations

# New places in the order of the old ones, above those that the other owner has.
PLACES = {
    "sqlite": """
        SELECT id, row_number() OVER (ORDER BY place, id) + coalesce((SELECT max(place) FROM conversations WHERE owner = :to), 0)
            AS place
        FROM conversations WHERE owner = :owner
    """,
    "postgresql": """
        SELECT id, nextval('places') AS place
        FROM (SELECT id FROM conversations WHERE owner = :owner ORDER BY place, id FOR NO KEY UPDATE) AS ordered
    """,
}
GIVE = "UPDATE conversations SET owner = :to, version = version + 1, place = placed.place FROM ({}) AS placed WHERE {}"
OWNERS = (bindparam("owner", type_=Key()), bindparam("to", type_=Key()))
STATEMENTS = {
    dialect: text(GIVE.format(placed, "placed.id = conversations.id")).bindparams(*OWNERS) for dialect, placed in PLACES.items()
}


def hand_over(connection: Connection, owner: str, to: str) -> int:
    """How many. What they are found by stays as it is; search learns that the other one has it now."""
    if owner == to:
        return 0
    # Nobody begins an answer in one of them from here on.
    theirs = select(conversations.c.id).where(conversations.c.owner == owner).with_for_update(key_share=True).subquery()
    if not connection.scalar(select(func.count()).select_from(theirs)):
        return 0
    turns.stop_all_of(connection, owner)
    given = connection.execute(STATEMENTS[connection.dialect.name], {"owner": owner, "to": to}).rowcount
    index.inherit(connection, owner, to)
    return given
