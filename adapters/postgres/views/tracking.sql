-- How far projections have read, and what stands in their way. Every statement may run again.

CREATE SCHEMA IF NOT EXISTS backstory;
CREATE SCHEMA IF NOT EXISTS views;
CREATE SCHEMA IF NOT EXISTS views_next;
CREATE SCHEMA IF NOT EXISTS views_previous;

-- Each leader of the projections and each rebuild draws an epoch of its own.
CREATE SEQUENCE IF NOT EXISTS backstory.epochs AS bigint;

-- One row per set of tables: `opportunities` in schema views, `opportunities@next` while it is rebuilt
-- in views_next, `opportunities@previous` as kept in views_previous.
CREATE TABLE IF NOT EXISTS backstory.tracking (
    projection  text        PRIMARY KEY,
    position    bigint      NOT NULL,
    -- Only who holds this epoch may move the position.
    epoch       bigint      NOT NULL,
    -- Which log was read, and what folds and columns the tables were made by.
    incarnation uuid        NOT NULL,
    fingerprint text        NOT NULL,
    since       timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 25);

-- Streams whose fold failed: nothing from `position` on is in the projection's tables.
CREATE TABLE IF NOT EXISTS backstory.parked (
    projection text        NOT NULL,
    stream_id  uuid        NOT NULL,
    position   bigint      NOT NULL,
    error      text        NOT NULL,
    since      timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts   integer     NOT NULL DEFAULT 1,
    PRIMARY KEY (projection, stream_id)
);

-- Events that an operator has taken out of a projection, for every later fold too.
CREATE TABLE IF NOT EXISTS backstory.skipped (
    projection text        NOT NULL,
    position   bigint      NOT NULL,
    stream_id  uuid        NOT NULL,
    error      text        NOT NULL,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (projection, position)
);
CREATE INDEX IF NOT EXISTS skipped_stream ON backstory.skipped (stream_id);
