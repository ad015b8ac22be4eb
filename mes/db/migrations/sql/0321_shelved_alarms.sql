-- Alarms that somebody has put aside for a while at their machine (OPC 10000-9, ShelvedStateMachineType).
ALTER TABLE line_alarm ADD COLUMN shelved boolean;
COMMENT ON COLUMN line_alarm.shelved IS 'NULL: of a kind, or of a server, that nobody shelves.';
