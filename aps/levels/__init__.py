"""The five levels of a plan, each a decision that alters the next."""
