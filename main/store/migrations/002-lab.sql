-- What the lab's window needs: notes, the bin, the experiment's fields for filters and columns, drafts, settings.
-- The table of runs is made anew because an import may end before the migration does (outcome 'unknown'), and SQLite cannot
-- change a CHECK. Foreign keys are off while migrations run.

CREATE TABLE config (
  id INTEGER PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,               -- of json: runs that differ in their seed alone share it
  json BLOB NOT NULL                       -- JSONB: the experiment with its defaults, without seed, name, prose and tags
) STRICT;

CREATE TABLE run_new (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  uid TEXT NOT NULL UNIQUE,                -- the same run in another store
  name TEXT NOT NULL,
  tags TEXT NOT NULL,                      -- JSON array of strings
  note TEXT NOT NULL DEFAULT '',           -- Markdown
  file_name TEXT NOT NULL,                 -- of the experiment, without its folder; '' when there was none
  source_kind TEXT NOT NULL CHECK (source_kind IN ('sim', 'qemu', 'import')),
  source_text TEXT NOT NULL,
  engine_version TEXT NOT NULL,
  seed INTEGER NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('running', 'finished', 'failed')),
  failure TEXT,
  created_ms INTEGER NOT NULL,             -- Unix time
  ended_ms INTEGER,
  deleted_ms INTEGER,                      -- since when it lies in the bin
  heartbeat_ms INTEGER NOT NULL,
  owner_host TEXT NOT NULL,
  owner_pid INTEGER NOT NULL,
  owner_start TEXT NOT NULL,               -- when that process started; '' where the system does not tell

  text_hash TEXT,                          -- of the experiment as it was written; NULL: not looked at yet
  config_id INTEGER REFERENCES config (id),-- NULL: not looked at yet, or not an experiment that can be read

  -- What the list sorts and filters by; NULL where the producer cannot know it.
  outcome TEXT CHECK (outcome IN ('completed', 'timed-out', 'cancelled', 'failed', 'unknown')),
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

INSERT INTO run_new (id, uid, name, tags, file_name, source_kind, source_text, engine_version, seed, status, failure,
  created_ms, ended_ms, heartbeat_ms, owner_host, owner_pid, owner_start, outcome, total_ns, setup_ns, downtime_ns,
  bytes_total, pages_total, pages_resent, pages_needless, pages_lost, rounds, guest_stall_ns, guest_speed,
  throttle_max_percent, expect_total, expect_met, sampling_ns, sample_count, event_count, hash)
SELECT id, uid, name, tags, file_name, source_kind, source_text, engine_version, seed, status, failure,
  created_ms, ended_ms, heartbeat_ms, owner_host, owner_pid, owner_start, outcome, total_ns, setup_ns, downtime_ns,
  bytes_total, pages_total, pages_resent, pages_needless, pages_lost, rounds, guest_stall_ns, guest_speed,
  throttle_max_percent, expect_total, expect_met, sampling_ns, sample_count, event_count, hash FROM run;

DROP TABLE run;
ALTER TABLE run_new RENAME TO run;
CREATE INDEX run_by_creation ON run (created_ms);
CREATE INDEX run_by_text ON run (text_hash);
CREATE INDEX run_by_config ON run (config_id);

-- The shape of a finished run in a few numbers, made when it is first asked for.
CREATE TABLE run_spark (
  run_id INTEGER PRIMARY KEY REFERENCES run (id) ON DELETE CASCADE,
  json TEXT NOT NULL
) STRICT;

CREATE TABLE draft (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  text TEXT NOT NULL,
  file_name TEXT NOT NULL,
  updated_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE setting (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
