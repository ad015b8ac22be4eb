"""The OPC UA side of the agent, on asyncua: session, subscription table, publishing, job control."""
