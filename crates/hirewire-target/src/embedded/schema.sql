-- Text in indexed columns is folded (NFC, small letters); as written it stands in `attributes`.
CREATE TABLE users (
  key INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  upn TEXT NOT NULL,
  employee_id TEXT,
  mail TEXT,
  mail_nickname TEXT,
  display_name TEXT NOT NULL,
  enabled INTEGER NOT NULL,
  deleted INTEGER,
  created INTEGER NOT NULL,
  version INTEGER NOT NULL,
  manager BLOB,
  attributes TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX users_upn ON users (upn) WHERE deleted IS NULL;
CREATE INDEX users_employee_id ON users (employee_id) WHERE employee_id IS NOT NULL;
CREATE INDEX users_mail ON users (mail) WHERE mail IS NOT NULL;
CREATE INDEX users_mail_nickname ON users (mail_nickname) WHERE mail_nickname IS NOT NULL;
CREATE INDEX users_manager ON users (manager) WHERE manager IS NOT NULL;
CREATE INDEX users_deleted ON users (deleted) WHERE deleted IS NOT NULL;

-- One row: how many transactions have changed something.
CREATE TABLE counter (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  version INTEGER NOT NULL
) STRICT;
INSERT INTO counter VALUES (1, 0);
