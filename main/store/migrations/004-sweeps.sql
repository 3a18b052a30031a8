-- Sweeps: a file, the plan made of it, and the run of each of its points.
--
-- The plan is a function of the text; points are kept so that a run finds its point and a reader needs no plan. Whether a point
-- is done is not written down a second time: it is when its run is finished.

CREATE TABLE sweep (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  uid TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  file_name TEXT NOT NULL,                 -- without its folder; '' when there was none
  text TEXT NOT NULL,                      -- as the user wrote it
  text_hash TEXT NOT NULL,
  engine_version TEXT NOT NULL,            -- points of two versions are not one sweep
  fields TEXT NOT NULL,                    -- JSON: what is varied, see sweeps.ts
  -- 'running' while its owner is dead was interrupted: readers show it so, as with runs.
  status TEXT NOT NULL CHECK (status IN ('running', 'paused', 'finished')),
  pause_wanted INTEGER NOT NULL DEFAULT 0, -- another process asks the owner to pause
  failure TEXT,                            -- why it was paused, where nobody asked for it
  created_ms INTEGER NOT NULL,             -- Unix time
  ended_ms INTEGER,
  worked_ms INTEGER NOT NULL DEFAULT 0,    -- without the time that it was paused
  heartbeat_ms INTEGER NOT NULL,
  owner_host TEXT NOT NULL,
  owner_pid INTEGER NOT NULL,
  owner_start TEXT NOT NULL
) STRICT;

CREATE INDEX sweep_by_text ON sweep (text_hash);

CREATE TABLE sweep_point (
  sweep_id INTEGER NOT NULL REFERENCES sweep (id) ON DELETE CASCADE,
  number INTEGER NOT NULL,                 -- from 1, in the order of the plan
  key TEXT NOT NULL,                       -- hash of engine version, configuration and seed
  setting INTEGER NOT NULL,                -- points that differ in their seed alone share it
  seed INTEGER NOT NULL,
  written TEXT NOT NULL,                   -- JSON: one value for each field, as it would be written in the file
  run_id INTEGER REFERENCES run (id) ON DELETE SET NULL,
  failure TEXT,                            -- of a point that could not even begin
  PRIMARY KEY (sweep_id, number),
  UNIQUE (sweep_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX sweep_point_by_run ON sweep_point (run_id);
