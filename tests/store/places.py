"""Where the stores of tests are: the name of a kind -> the URL of the store that belongs to a folder."""

from tests import servers

URLS = {
    "sqlite": lambda folder: f"sqlite:///{folder}/webbot.db",
    "postgresql": servers.postgres_url,
    "redis": servers.redis_url,
}
