-- Runs, their series in compressed chunks, and their events.
--
-- A run is `finished` (whole: summary and hash are there), `failed` (its producer broke; `failure` says how) or `running`.
-- A run that is `running` while its owner is dead was interrupted: readers show it so, nobody has to write that down.

CREATE TABLE run (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  uid TEXT NOT NULL UNIQUE,                -- the same run in another store
  name TEXT NOT NULL,
  tags TEXT NOT NULL,                      -- JSON array of strings
  file_name TEXT NOT NULL,                 -- of the experiment, without its folder; '' when there was none
  source_kind TEXT NOT NULL CHECK (source_kind IN ('sim', 'qemu', 'import')),
  source_text TEXT NOT NULL,
  engine_version TEXT NOT NULL,
  seed INTEGER NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('running', 'finished', 'failed')),
  failure TEXT,
  created_ms INTEGER NOT NULL,             -- Unix time
  ended_ms INTEGER,
  heartbeat_ms INTEGER NOT NULL,
  owner_host TEXT NOT NULL,
  owner_pid INTEGER NOT NULL,
  owner_start TEXT NOT NULL,               -- when that process started; '' where the system does not tell

  -- What the list sorts and filters by; NULL where the producer cannot know it.
  outcome TEXT CHECK (outcome IN ('completed', 'timed-out', 'cancelled', 'failed')),
  total_ns REAL,
  setup_ns REAL,
  downtime_ns REAL,
  bytes_total REAL,
  pages_total REAL,
  pages_resent REAL,
  pages_needless REAL,
  pages_lost REAL,
  rounds REAL,
  guest_stall_ns REAL,
  guest_speed REAL,
  throttle_max_percent REAL,
  expect_total INTEGER NOT NULL DEFAULT 0,
  expect_met INTEGER NOT NULL DEFAULT 0,

  sampling_ns REAL NOT NULL,
  sample_count INTEGER NOT NULL DEFAULT 0,
  event_count INTEGER NOT NULL DEFAULT 0,
  hash TEXT,
  CHECK (status <> 'finished' OR (hash IS NOT NULL AND outcome IS NOT NULL AND ended_ms IS NOT NULL))
) STRICT;

CREATE INDEX run_by_creation ON run (created_ms);

-- The large texts stand apart, so that a list reads few pages.
CREATE TABLE run_document (
  run_id INTEGER PRIMARY KEY REFERENCES run (id) ON DELETE CASCADE,
  experiment TEXT NOT NULL,                -- as the user wrote it
  summary TEXT,                            -- exact JSON, see exactJson.ts
  expect TEXT
) STRICT;

CREATE TABLE series (
  run_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,               -- of the column in the producer's chunks; -1 is the time axis
  id TEXT NOT NULL,
  label TEXT NOT NULL,
  unit TEXT NOT NULL,
  kind TEXT NOT NULL,
  source TEXT,
  PRIMARY KEY (run_id, position)
) STRICT, WITHOUT ROWID;

-- Level 0 holds the samples; level n > 0 holds the least and the greatest of each 16^n samples, alternating.
CREATE TABLE chunk (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  level INTEGER NOT NULL,
  first INTEGER NOT NULL,                  -- index of the first value, in values of this level
  count INTEGER NOT NULL,
  min REAL,                                -- NULL where every value is NaN
  max REAL,
  codec INTEGER NOT NULL,                  -- see columns.ts
  crc INTEGER NOT NULL,                    -- of the values as little-endian doubles
  data BLOB NOT NULL,
  UNIQUE (run_id, position, level, first)
) STRICT;

CREATE TABLE event (
  run_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  time_ns REAL NOT NULL,
  duration_ns REAL NOT NULL,
  kind TEXT NOT NULL,
  text TEXT NOT NULL,
  source TEXT,
  detail TEXT NOT NULL,                    -- exact JSON
  PRIMARY KEY (run_id, number)
) STRICT, WITHOUT ROWID;
