"""The fault campaign: real processes, one fault after the other, and a line's ledger against the database.

`python -m edge faults --count N --seed S [--long]` needs no root and nothing of the machine's own services: it
starts PostgreSQL, the MES's API, a line's OPC UA server and an agent, plants faults in and between them, and
compares what the line says it published with what was stored. Events: none lost, none doubled. Telemetry: none
doubled, and lost only where a gap row gives its cause.
"""
