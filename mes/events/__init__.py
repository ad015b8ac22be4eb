"""Everything that happens: one append-only table, read in commit order by handlers, pages and webhooks."""
