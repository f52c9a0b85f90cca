-- Version 3. A failure of somebody who is gone from the source: tried again, the account is deleted.
ALTER TABLE escrow ADD COLUMN gone INTEGER NOT NULL DEFAULT 0;
