-- The first schema. Times ending in `_at` are clock times, others are event times; both in nanoseconds since 1970.
-- Large columns stand last in their tables: what comes after one cannot be read without reading through it.

-- One row: who may write, and how often something was written.
CREATE TABLE meta (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    epoch INTEGER NOT NULL,
    changes INTEGER NOT NULL
) STRICT;
INSERT INTO meta (only_row, epoch, changes) VALUES (1, 0, 0);

-- How far each lane is, as of its last saved state.
CREATE TABLE progress (
    run TEXT NOT NULL,
    lane TEXT NOT NULL,
    watermark INTEGER NOT NULL,
    counters TEXT NOT NULL,
    segments INTEGER NOT NULL,
    saved_at INTEGER NOT NULL,
    PRIMARY KEY (run, lane)
) STRICT, WITHOUT ROWID;

-- From where each partition is read again after a restart.
CREATE TABLE partition_progress (
    run TEXT NOT NULL,
    lane TEXT NOT NULL,
    source TEXT NOT NULL,
    stream TEXT NOT NULL,
    partition INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    ordering TEXT NOT NULL,
    PRIMARY KEY (run, lane, source, stream, partition),
    FOREIGN KEY (run, lane) REFERENCES progress (run, lane) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- What the engines learned, as of the same moment. Not WITHOUT ROWID: the rows are large.
CREATE TABLE segment (
    run TEXT NOT NULL,
    lane TEXT NOT NULL,
    shard INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('base', 'delta')),
    format INTEGER NOT NULL,
    detectors BLOB NOT NULL,
    sha256 BLOB NOT NULL,
    size INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (run, lane, shard, seq),
    FOREIGN KEY (run, lane) REFERENCES progress (run, lane) ON DELETE CASCADE
) STRICT;

-- Whatever changes findings besides events.
CREATE TABLE control (
    run TEXT NOT NULL,
    lane TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    kind TEXT NOT NULL,
    takes_effect INTEGER NOT NULL,
    position TEXT,
    body TEXT NOT NULL,
    PRIMARY KEY (run, lane, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE finding (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    run TEXT NOT NULL,
    id TEXT NOT NULL,
    lane TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    time INTEGER NOT NULL,
    detector TEXT NOT NULL,
    severity INTEGER NOT NULL CHECK (severity BETWEEN 0 AND 4),
    registry TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    decision TEXT NOT NULL CHECK (decision IN ('violation', 'told', 'below-budget')),
    incident TEXT,
    stored_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (run, id)
) STRICT;
CREATE INDEX finding_by_time ON finding (run, time);
CREATE INDEX finding_by_incident ON finding (run, incident) WHERE incident IS NOT NULL;
CREATE INDEX finding_by_subject ON finding (run, registry, subject_kind, subject);

-- What happened to a finding after it was stored: into which incidents it was folded, in order.
CREATE TABLE finding_event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    run TEXT NOT NULL,
    finding TEXT NOT NULL,
    incident TEXT NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE (run, finding, incident),
    FOREIGN KEY (run, finding) REFERENCES finding (run, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE incident (
    run TEXT NOT NULL,
    id TEXT NOT NULL,
    severity INTEGER NOT NULL CHECK (severity BETWEEN 0 AND 4),
    surprise_bits REAL,
    told TEXT NOT NULL CHECK (told IN ('told', 'below-budget')),
    first_event INTEGER NOT NULL,
    last_event INTEGER NOT NULL,
    merged_into TEXT,
    transitions INTEGER NOT NULL DEFAULT 0,
    status TEXT NOT NULL DEFAULT 'new' CHECK (status IN ('new', 'in-progress', 'on-hold', 'resolved')),
    owner TEXT,
    revision INTEGER NOT NULL DEFAULT 0,
    opened_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (run, id)
) STRICT;
CREATE INDEX incident_by_time ON incident (run, last_event) WHERE merged_into IS NULL;
CREATE INDEX incident_merged ON incident (run, merged_into) WHERE merged_into IS NOT NULL;

-- Whom an incident concerns; subjects are only ever added.
CREATE TABLE incident_subject (
    run TEXT NOT NULL,
    incident TEXT NOT NULL,
    registry TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (run, incident, registry, kind, name),
    FOREIGN KEY (run, incident) REFERENCES incident (run, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX incident_by_subject ON incident_subject (run, registry, kind, name);

-- What happened to an incident that somebody may have to be told.
CREATE TABLE to_route (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run TEXT NOT NULL,
    incident TEXT NOT NULL,
    transition INTEGER NOT NULL,
    reason TEXT NOT NULL,
    severity INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    routed_at INTEGER,
    decision TEXT,
    UNIQUE (run, incident, transition),
    FOREIGN KEY (run, incident) REFERENCES incident (run, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX to_route_pending ON to_route (id) WHERE routed_at IS NULL;

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run TEXT NOT NULL,
    group_id TEXT NOT NULL,
    receiver TEXT NOT NULL,
    transition INTEGER NOT NULL,
    incident TEXT,
    delivery_id TEXT NOT NULL,
    severity INTEGER NOT NULL,
    state TEXT NOT NULL
        CHECK (state IN ('queued', 'sending', 'accepted', 'delivered', 'retry', 'dead', 'folded', 'withdrawn')),
    purpose TEXT NOT NULL DEFAULT 'news'
        CHECK (purpose IN ('news', 'unanswered', 'digest', 'notice')),
    -- When it is due (queued, retry) or its lease ends (sending); when it ended otherwise.
    due_at INTEGER NOT NULL,
    leased_at INTEGER,
    -- The epoch of the process that holds the lease.
    leased_by INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    repeat TEXT NOT NULL DEFAULT 'no' CHECK (repeat IN ('no', 'possible')),
    reason TEXT,
    receipt TEXT,
    folded_into INTEGER REFERENCES outbox (id) ON DELETE SET NULL,
    queued_at INTEGER NOT NULL,
    payload TEXT NOT NULL,
    UNIQUE (run, group_id, receiver, transition)
) STRICT;
CREATE INDEX outbox_open ON outbox (due_at, id) WHERE state IN ('queued', 'sending', 'retry');
CREATE INDEX outbox_by_receiver ON outbox (receiver, state);
CREATE INDEX outbox_by_digest ON outbox (folded_into) WHERE folded_into IS NOT NULL;
CREATE INDEX outbox_by_incident ON outbox (run, incident) WHERE incident IS NOT NULL;

CREATE TABLE attempt (
    outbox INTEGER NOT NULL REFERENCES outbox (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    status_code INTEGER,
    snippet TEXT NOT NULL,
    PRIMARY KEY (outbox, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE breaker (
    receiver TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('closed', 'open', 'half-open')),
    failures INTEGER NOT NULL,
    until_at INTEGER,
    changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Records that could not be read.
CREATE TABLE dead_letter (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run TEXT NOT NULL,
    source TEXT NOT NULL,
    stream TEXT NOT NULL,
    partition INTEGER NOT NULL,
    record_offset INTEGER NOT NULL,
    item INTEGER NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    sha256 BLOB NOT NULL,
    size INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    head BLOB NOT NULL,
    UNIQUE (run, source, stream, partition, record_offset, item)
) STRICT;
CREATE INDEX dead_letter_by_reason ON dead_letter (run, source, reason);

CREATE TABLE silence (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    matcher TEXT NOT NULL,
    author TEXT NOT NULL,
    reason TEXT NOT NULL,
    starts_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL CHECK (ends_at > starts_at),
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    ended_by TEXT
) STRICT;

-- What people decided about an incident, in order.
CREATE TABLE verdict (
    run TEXT NOT NULL,
    incident TEXT NOT NULL,
    revision INTEGER NOT NULL,
    at INTEGER NOT NULL,
    author TEXT NOT NULL,
    status TEXT NOT NULL,
    owner TEXT,
    verdict TEXT,
    reason TEXT NOT NULL,
    PRIMARY KEY (run, incident, revision),
    FOREIGN KEY (run, incident) REFERENCES incident (run, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Every decision, in order; `seq` counts from 0 without gaps and is the leaf's index in the tree.
CREATE TABLE ledger (
    seq INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    entry TEXT NOT NULL,
    leaf BLOB NOT NULL
) STRICT;
CREATE TRIGGER ledger_is_never_changed BEFORE UPDATE ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END;
CREATE TRIGGER ledger_is_never_cut BEFORE DELETE ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END;

-- Signed statements about the ledger's first `size` entries.
CREATE TABLE checkpoint (
    size INTEGER PRIMARY KEY,
    root BLOB NOT NULL,
    at INTEGER NOT NULL,
    note TEXT NOT NULL
) STRICT;

-- What the pipeline says about itself with every commit.
CREATE TABLE status (
    run TEXT NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;
