"""The agent beside a line: reads its PLC and cameras, keeps what it read, delivers it once, obeys."""
