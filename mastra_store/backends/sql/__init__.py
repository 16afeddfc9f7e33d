"""What the SQL backends share: schema, statements, and the domains written once for all dialects."""
