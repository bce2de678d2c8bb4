-- Work on keys and signatures that was announced ahead. Times as in the first schema.
CREATE TABLE maintenance (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    plan TEXT NOT NULL,
    author TEXT NOT NULL,
    reason TEXT NOT NULL,
    -- The window in which the work happens, in event time.
    starts INTEGER NOT NULL,
    ends INTEGER NOT NULL CHECK (ends > starts),
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    ended_by TEXT
) STRICT;
