"""A body store of lanes: bodies come in at the tail of one and leave from the head of one."""
