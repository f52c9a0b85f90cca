-- The newest format as a whole; a test proves that the numbered steps lead here.


CREATE TABLE settings (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE jobs (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL COLLATE NOCASE,
  template TEXT NOT NULL,
  service_principal TEXT NOT NULL COLLATE NOCASE,
  service_principal_name TEXT NOT NULL,
  schedule TEXT NOT NULL,
  status TEXT NOT NULL,
  quarantine TEXT,
  watermark TEXT,
  settings TEXT NOT NULL,
  state TEXT NOT NULL,
  created INTEGER NOT NULL,
  deleted INTEGER
) STRICT;
CREATE UNIQUE INDEX jobs_id ON jobs (id) WHERE deleted IS NULL;

CREATE TABLE uploads (
  id INTEGER PRIMARY KEY,
  job INTEGER NOT NULL,
  first INTEGER NOT NULL,
  operations INTEGER NOT NULL,
  received INTEGER NOT NULL,
  size INTEGER NOT NULL,
  request_id TEXT NOT NULL,
  client_request_id TEXT,
  app_id TEXT,
  source TEXT NOT NULL,
  warnings TEXT,
  content_hash BLOB
) STRICT;
CREATE INDEX uploads_job ON uploads (job);
CREATE INDEX uploads_hash ON uploads (content_hash) WHERE content_hash IS NOT NULL;

-- What waits to be processed. id = job key * 2^40 + running number, so that a job's queue is one range in arrival order
-- and needs no index.
CREATE TABLE queue (
  id INTEGER PRIMARY KEY,
  upload INTEGER NOT NULL,
  line INTEGER NOT NULL,
  bulk_id TEXT,
  anchor TEXT NOT NULL,
  origin TEXT,
  data TEXT NOT NULL
) STRICT;

-- What became of each processed operation.
CREATE TABLE outcomes (
  upload INTEGER NOT NULL,
  line INTEGER NOT NULL,
  status INTEGER NOT NULL,
  bulk_id TEXT,
  anchor TEXT NOT NULL,
  origin TEXT,
  reason TEXT,
  entry INTEGER,
  PRIMARY KEY (upload, line)
) STRICT, WITHOUT ROWID;

-- One row per person and job: last accepted record, link, scope, next moment of change.
CREATE TABLE people (
  key INTEGER PRIMARY KEY,
  job INTEGER NOT NULL,
  anchor TEXT NOT NULL,
  target TEXT,
  in_scope INTEGER NOT NULL,
  next_due INTEGER,
  origin TEXT,
  record TEXT
, parts TEXT, name_key INTEGER) STRICT;
CREATE UNIQUE INDEX people_anchor ON people (job, anchor);
CREATE UNIQUE INDEX people_target ON people (job, target) WHERE target IS NOT NULL;
CREATE INDEX people_due ON people (job, next_due) WHERE next_due IS NOT NULL;
CREATE INDEX people_name ON people (job, name_key) WHERE name_key IS NOT NULL;

CREATE TABLE pending_references (
  job INTEGER NOT NULL,
  anchor TEXT NOT NULL,
  attribute TEXT NOT NULL,
  wanted TEXT NOT NULL,
  change INTEGER,
  since INTEGER NOT NULL,
  PRIMARY KEY (job, anchor, attribute)
) STRICT, WITHOUT ROWID;
CREATE INDEX pending_wanted ON pending_references (job, wanted);

CREATE TABLE escrow (
  job INTEGER NOT NULL,
  anchor TEXT NOT NULL,
  code TEXT NOT NULL,
  reason TEXT NOT NULL,
  reference INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  since INTEGER NOT NULL,
  next_try INTEGER NOT NULL, gone INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (job, anchor)
) STRICT, WITHOUT ROWID;
CREATE INDEX escrow_next ON escrow (job, next_try);

CREATE TABLE holds (
  id INTEGER PRIMARY KEY,
  job INTEGER NOT NULL REFERENCES jobs (key),
  cycle INTEGER,
  anchor TEXT NOT NULL,
  kind TEXT NOT NULL,
  detail TEXT NOT NULL,
  created INTEGER NOT NULL,
  decision TEXT,
  decided INTEGER,
  decided_by TEXT
) STRICT;
CREATE UNIQUE INDEX holds_open ON holds (job, anchor, kind) WHERE decision IS NULL;

CREATE TABLE cycles (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  job INTEGER NOT NULL REFERENCES jobs (key),
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  began INTEGER NOT NULL,
  ended INTEGER,
  counts TEXT NOT NULL,
  error TEXT,
  approval TEXT,
  first_time INTEGER,
  last_time INTEGER
) STRICT;
CREATE INDEX cycles_job ON cycles (job);

CREATE TABLE log (
  seq INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  job INTEGER NOT NULL,
  cycle INTEGER,
  change_of INTEGER,
  action INTEGER NOT NULL,
  status INTEGER NOT NULL,
  duration INTEGER NOT NULL,
  upload INTEGER,
  source TEXT NOT NULL,
  target TEXT,
  target_name TEXT,
  error_code TEXT,
  detail TEXT NOT NULL
) STRICT;
CREATE INDEX log_time ON log (time);
CREATE INDEX log_job ON log (job, time);
CREATE INDEX log_source ON log (source, time);
CREATE INDEX log_target ON log (target, time) WHERE target IS NOT NULL;
CREATE INDEX log_status ON log (status, time);
CREATE INDEX log_action ON log (action, time);
CREATE INDEX log_error ON log (error_code, time) WHERE error_code IS NOT NULL;
CREATE INDEX log_name ON log (target_name, time) WHERE target_name IS NOT NULL;
CREATE INDEX log_long ON log (time) WHERE duration >= 1000;
CREATE INDEX log_upload ON log (upload) WHERE upload IS NOT NULL;
CREATE INDEX log_change ON log (change_of) WHERE change_of IS NOT NULL;

CREATE TABLE schemas (
  job INTEGER NOT NULL REFERENCES jobs (key),
  version INTEGER NOT NULL,
  saved INTEGER NOT NULL,
  saved_by TEXT NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (job, version)
) STRICT;

CREATE TABLE secrets (
  scope TEXT NOT NULL,
  name TEXT NOT NULL,
  saved INTEGER NOT NULL,
  sealed BLOB NOT NULL,
  PRIMARY KEY (scope, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE apps (
  app_id TEXT PRIMARY KEY COLLATE NOCASE,
  object_id TEXT NOT NULL UNIQUE COLLATE NOCASE,
  name TEXT NOT NULL,
  template TEXT,
  created INTEGER NOT NULL,
  permissions TEXT NOT NULL,
  owns TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE credentials (
  key_id TEXT PRIMARY KEY COLLATE NOCASE,
  app_id TEXT NOT NULL COLLATE NOCASE REFERENCES apps (app_id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER,
  hint TEXT,
  hash TEXT,
  thumbprint_sha1 TEXT,
  thumbprint_sha256 TEXT,
  jwk TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX credentials_app ON credentials (app_id);

CREATE TABLE fingerprints (
  key INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  bytes BLOB NOT NULL
) STRICT;
CREATE INDEX fingerprints_source ON fingerprints (source);

CREATE TABLE pickups (
  key INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  name TEXT NOT NULL,
  content_hash BLOB NOT NULL,
  size INTEGER NOT NULL,
  picked INTEGER NOT NULL
) STRICT;
CREATE INDEX pickups_source ON pickups (source, content_hash);

CREATE TABLE runs (
  run TEXT NOT NULL,
  seq INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (run, seq)
) STRICT;
