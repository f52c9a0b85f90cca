-- Version 2. Several sources of one person: what each of them said, as a JSON object by source.
ALTER TABLE people ADD COLUMN parts TEXT;
-- Every member that the log can be filtered by leads to its entries in order of time.
DROP INDEX log_failure;
CREATE INDEX log_status ON log (status, time);
CREATE INDEX log_action ON log (action, time);
CREATE INDEX log_error ON log (error_code, time) WHERE error_code IS NOT NULL;
CREATE INDEX log_name ON log (target_name, time) WHERE target_name IS NOT NULL;
CREATE INDEX log_long ON log (time) WHERE duration >= 1000;
CREATE INDEX log_upload ON log (upload) WHERE upload IS NOT NULL;
