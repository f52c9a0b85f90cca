//! Remembers: inbox, links, cycles, log, schemas, runs, secrets; SQLite by default.
