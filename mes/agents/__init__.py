"""Edge agents: enrolment, epochs, configuration, the command outbox, health."""
