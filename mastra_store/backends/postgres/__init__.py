"""PostgreSQL, in the format of ``@mastra/pg``. Needs the extra ``postgres`` (asyncpg)."""
