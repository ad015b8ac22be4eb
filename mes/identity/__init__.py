"""Who may do what: people and their sessions, tokens of machines, limits, and the audit trail."""
