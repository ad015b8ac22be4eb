"""The schema: migrations of hand-written SQL, and what they add up to in `schema.sql`."""
