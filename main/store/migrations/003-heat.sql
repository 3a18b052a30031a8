-- The heat map of guest memory of a run: at most 256 rows of RAM address by 512 columns of time, for each layer.

CREATE TABLE heat (
  run_id INTEGER PRIMARY KEY REFERENCES run (id) ON DELETE CASCADE,
  row_count INTEGER NOT NULL,
  column_count INTEGER NOT NULL,
  total_pages INTEGER NOT NULL,
  pages_per_row INTEGER NOT NULL,
  codec INTEGER NOT NULL,                  -- see columns.ts
  crc INTEGER NOT NULL,
  edges BLOB NOT NULL                      -- column_count + 1 times in nanoseconds
) STRICT;

CREATE TABLE heat_layer (
  run_id INTEGER NOT NULL REFERENCES heat (run_id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  label TEXT NOT NULL,
  source TEXT,
  codec INTEGER NOT NULL,
  crc INTEGER NOT NULL,
  pages BLOB NOT NULL,                     -- row_count * column_count numbers, column by column
  UNIQUE (run_id, position)
) STRICT;
