-- Conventions: instants are UTC epoch microseconds (`_at`), slots UTC epoch seconds (always whole), days civil day numbers
-- since 1970-01-01 in the utility's zone (`_day`). Periods are half-open; 9007199254740991 (2^53 - 1) means "still".
-- Series: 0 instant, 1 daily, 2 monthly; interval series are blocks and use their length in minutes + 100.

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- Numbers handed out and never reused, even when every row that had one is purged.
CREATE TABLE counter (name TEXT PRIMARY KEY, next INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO counter (name, next) VALUES ('reading', 1), ('exchange', 1), ('meter', 1);

-- Archive -----------------------------------------------------------------------------------------------------------

CREATE TABLE channel (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  config TEXT                      -- JSON of ChannelConfig; NULL once removed (history still names it)
) STRICT;

CREATE TABLE reader (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, name TEXT NOT NULL) STRICT;
CREATE TABLE area (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, name TEXT NOT NULL) STRICT;
CREATE TABLE area_reader (
  area INTEGER NOT NULL, from_day INTEGER NOT NULL, until_day INTEGER NOT NULL, reader INTEGER,
  PRIMARY KEY (area, from_day)
) STRICT, WITHOUT ROWID;

CREATE TABLE customer (id INTEGER PRIMARY KEY, no TEXT NOT NULL UNIQUE, name TEXT NOT NULL) STRICT;
CREATE TABLE service_point (id INTEGER PRIMARY KEY, no TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE service_point_area (
  service_point INTEGER NOT NULL, from_day INTEGER NOT NULL, until_day INTEGER NOT NULL, area INTEGER NOT NULL,
  PRIMARY KEY (service_point, from_day)
) STRICT, WITHOUT ROWID;
CREATE TABLE service_point_customer (
  service_point INTEGER NOT NULL, from_day INTEGER NOT NULL, until_day INTEGER NOT NULL, customer INTEGER,
  PRIMARY KEY (service_point, from_day)
) STRICT, WITHOUT ROWID;

CREATE TABLE meter (id INTEGER PRIMARY KEY, no TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL) STRICT;
CREATE TABLE meter_version (
  meter INTEGER NOT NULL, from_day INTEGER NOT NULL, until_day INTEGER NOT NULL,
  protocol TEXT NOT NULL, address INTEGER NOT NULL, model TEXT NOT NULL, channel INTEGER, state TEXT NOT NULL,
  PRIMARY KEY (meter, from_day)
) STRICT, WITHOUT ROWID;
CREATE INDEX meter_version_by_channel ON meter_version (channel, address);
CREATE TABLE meter_group (
  meter INTEGER NOT NULL, name TEXT NOT NULL, from_day INTEGER NOT NULL, until_day INTEGER NOT NULL,
  PRIMARY KEY (meter, name, from_day)
) STRICT, WITHOUT ROWID;
CREATE TABLE meter_secret (
  meter INTEGER NOT NULL, kind TEXT NOT NULL, sealed BLOB NOT NULL,
  PRIMARY KEY (meter, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE installation (
  id INTEGER PRIMARY KEY, meter INTEGER NOT NULL, service_point INTEGER NOT NULL,
  from_at INTEGER NOT NULL, until_at INTEGER NOT NULL, ct INTEGER NOT NULL, pt INTEGER NOT NULL
) STRICT;
CREATE INDEX installation_by_meter ON installation (meter, from_at);
CREATE INDEX installation_by_service_point ON installation (service_point, from_at);
-- What a register showed when its meter was put up or taken down (装拆示数): bounds consumption over an exchange.
CREATE TABLE installation_reading (
  installation INTEGER NOT NULL, edge TEXT NOT NULL, register INTEGER NOT NULL,
  mantissa INTEGER NOT NULL, form INTEGER NOT NULL,
  PRIMARY KEY (installation, edge, register)
) STRICT, WITHOUT ROWID;

-- Plans -------------------------------------------------------------------------------------------------------------

CREATE TABLE plan (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
-- An edit never touches the past: it opens a version from the day it is made.
CREATE TABLE plan_version (
  plan INTEGER NOT NULL, from_day INTEGER NOT NULL, until_day INTEGER NOT NULL,
  body TEXT NOT NULL,              -- JSON of Plan
  created_at INTEGER NOT NULL,
  PRIMARY KEY (plan, from_day)
) STRICT, WITHOUT ROWID;

-- Readings ----------------------------------------------------------------------------------------------------------

CREATE TABLE register (id INTEGER PRIMARY KEY, obis INTEGER NOT NULL UNIQUE) STRICT;

-- Clustered by series and slot: a night's values lie together whatever order the meters answer in.
CREATE TABLE reading (
  series INTEGER NOT NULL, slot INTEGER NOT NULL, meter INTEGER NOT NULL, register INTEGER NOT NULL,
  version INTEGER NOT NULL,        -- from 1, without holes
  current INTEGER NOT NULL,        -- 1 on exactly one version of a slot
  seq INTEGER NOT NULL,
  mantissa INTEGER,                -- NULL: no value
  form INTEGER NOT NULL,           -- unit * 32 + decimals; below 0: why there is no value
  rules TEXT,                      -- NULL: good; else the broken rules, by comma
  captured INTEGER NOT NULL,       -- microseconds after the slot
  received_at INTEGER NOT NULL,
  occurred INTEGER,                -- civil seconds, as the meter said
  meter_clock INTEGER,             -- civil seconds, as the meter said
  exchange INTEGER,
  PRIMARY KEY (series, slot, meter, register, version)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX reading_by_seq ON reading (seq);
-- Daily and monthly slots of a meter can be enumerated; those of values of now cannot.
CREATE INDEX reading_instant ON reading (meter, register, slot) WHERE series = 0;

-- All versions of all points of one civil day, and the slots given up. Layout: store::block.
CREATE TABLE interval_block (
  day INTEGER NOT NULL, meter INTEGER NOT NULL, register INTEGER NOT NULL, minutes INTEGER NOT NULL,
  points BLOB NOT NULL,
  PRIMARY KEY (day, meter, register, minutes)
) STRICT, WITHOUT ROWID;

-- Append-only; purged from the low end.
CREATE TABLE exchange (
  id INTEGER PRIMARY KEY, meter INTEGER NOT NULL, channel INTEGER NOT NULL, plan INTEGER, class INTEGER NOT NULL,
  sent_at INTEGER NOT NULL, received_at INTEGER NOT NULL, request BLOB NOT NULL, answer BLOB NOT NULL
) STRICT;
-- The first exchange of each day of receipt (UTC days), so that a purge finds its border without an index.
CREATE TABLE exchange_day (utc_day INTEGER PRIMARY KEY, first_id INTEGER NOT NULL) STRICT;

-- Work --------------------------------------------------------------------------------------------------------------

CREATE TABLE reason (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, detail TEXT NOT NULL, UNIQUE (kind, detail)) STRICT;
CREATE TABLE give_up (
  series INTEGER NOT NULL, slot INTEGER NOT NULL, meter INTEGER NOT NULL, register INTEGER NOT NULL,
  at INTEGER NOT NULL, reason INTEGER NOT NULL,
  PRIMARY KEY (series, slot, meter, register)
) STRICT, WITHOUT ROWID;
-- What was tried in vain for slots that are still open; interval slots by day block (slot = start of the civil day).
CREATE TABLE attempt (
  meter INTEGER NOT NULL, series INTEGER NOT NULL, slot INTEGER NOT NULL, register INTEGER NOT NULL,
  tries INTEGER NOT NULL, last_at INTEGER NOT NULL, next_at INTEGER NOT NULL, reason INTEGER NOT NULL,
  PRIMARY KEY (meter, series, slot, register)
) STRICT, WITHOUT ROWID;
CREATE TABLE not_supported (
  meter INTEGER NOT NULL, series INTEGER NOT NULL, register INTEGER NOT NULL,
  since INTEGER NOT NULL, probes INTEGER NOT NULL, next_probe_at INTEGER NOT NULL, reason INTEGER NOT NULL,
  PRIMARY KEY (meter, series, register)
) STRICT, WITHOUT ROWID;
-- Every slot of the meter in the plan before `settled_until` is filled or given up.
CREATE TABLE progress (
  meter INTEGER NOT NULL, plan INTEGER NOT NULL, settled_until INTEGER NOT NULL,
  PRIMARY KEY (meter, plan)
) STRICT, WITHOUT ROWID;

CREATE TABLE on_demand (
  id INTEGER PRIMARY KEY, meter INTEGER NOT NULL, channel INTEGER, request TEXT NOT NULL, requested_by TEXT NOT NULL,
  created_at INTEGER NOT NULL, deadline_at INTEGER NOT NULL, state TEXT NOT NULL,
  started_at INTEGER, finished_at INTEGER, outcome TEXT,
  clock TEXT                       -- JSON: what a read of the clock brought
) STRICT;
CREATE TABLE on_demand_value (
  on_demand INTEGER NOT NULL, n INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (on_demand, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX on_demand_open ON on_demand (channel, id) WHERE state IN ('queued', 'running');

-- What happened -----------------------------------------------------------------------------------------------------

CREATE TABLE failure (
  id INTEGER PRIMARY KEY, at INTEGER NOT NULL, meter INTEGER, channel INTEGER NOT NULL, plan INTEGER,
  class INTEGER NOT NULL, kind TEXT NOT NULL, detail TEXT NOT NULL, bytes BLOB
) STRICT;
CREATE INDEX failure_by_time ON failure (at);
CREATE INDEX failure_by_meter ON failure (meter, at);

-- Times in which a channel could not be used.
CREATE TABLE outage (
  channel INTEGER NOT NULL, from_at INTEGER NOT NULL, until_at INTEGER NOT NULL, cause TEXT NOT NULL,
  PRIMARY KEY (channel, from_at)
) STRICT, WITHOUT ROWID;

CREATE TABLE event (
  id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, severity TEXT NOT NULL,
  meter INTEGER, channel INTEGER, detail TEXT NOT NULL
) STRICT;
CREATE INDEX event_by_meter ON event (meter, id);

CREATE TABLE clock_offset (
  meter INTEGER NOT NULL, at INTEGER NOT NULL, meter_clock INTEGER NOT NULL, offset_ms INTEGER NOT NULL,
  uncertainty_ms INTEGER NOT NULL, exchange INTEGER,
  PRIMARY KEY (meter, at)
) STRICT, WITHOUT ROWID;
CREATE TABLE clock_broadcast (channel INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (channel, at)) STRICT, WITHOUT ROWID;

CREATE TABLE unknown_device (
  identity TEXT NOT NULL, remote TEXT NOT NULL, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL, count INTEGER NOT NULL,
  PRIMARY KEY (identity, remote)
) STRICT, WITHOUT ROWID;
CREATE TABLE reply_times (meter INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;
