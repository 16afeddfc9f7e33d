"""The trigger that ``@mastra/pg`` has on spans: the database itself sets when a row was made and changed (format 3)."""

from __future__ import annotations

from collections.abc import Iterator

SPANS = "mastra_ai_spans"
_TRIGGER = f"{SPANS}_timestamps"
# The body is compared with Mastra's to the letter, which replaces the function at each of its starts.
_FUNCTION = """
CREATE OR REPLACE FUNCTION "{schema}".trigger_set_timestamps()
RETURNS TRIGGER AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW."createdAt" = NOW();
        NEW."updatedAt" = NOW();
        NEW."createdAtZ" = NOW();
        NEW."updatedAtZ" = NOW();
    ELSIF TG_OP = 'UPDATE' THEN
        NEW."updatedAt" = NOW();
        NEW."updatedAtZ" = NOW();
        NEW."createdAt" = OLD."createdAt";
        NEW."createdAtZ" = OLD."createdAtZ";
    END IF;
    RETURN NEW;
END;
$$ LANGUAGE plpgsql
"""


def missing_trigger(table: str, schema: str, names: set[str]) -> Iterator[str]:
    """The statements that make the trigger, if the table has one and lacks it."""
    if table == SPANS and _TRIGGER not in names:
        yield _FUNCTION.format(schema=schema)
        yield (
            f'CREATE TRIGGER "{_TRIGGER}" BEFORE INSERT OR UPDATE ON "{schema}"."{table}" '
            f'FOR EACH ROW EXECUTE FUNCTION "{schema}".trigger_set_timestamps()'
        )
