-- Version 3. A failure of somebody who is gone from the source: tried again, the account is deleted.
ALTER TABLE escrow ADD COLUMN gone INTEGER NOT NULL DEFAULT 0;
-- By what the name of a person is recognised, should they come back under another number.
ALTER TABLE people ADD COLUMN name_key INTEGER;
CREATE INDEX people_name ON people (job, name_key) WHERE name_key IS NOT NULL;
