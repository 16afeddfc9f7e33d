"""SQLite files and in-memory databases, in the format of ``@mastra/libsql``."""
