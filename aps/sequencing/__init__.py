"""Car sequencing: one order of cars under ratio rules, colours and position windows."""
