-- What attached files hold. Run again by every process that starts; changes nothing that is there.

CREATE SCHEMA IF NOT EXISTS backstory;

CREATE TABLE IF NOT EXISTS backstory.contents (
    id uuid PRIMARY KEY,
    subject uuid NOT NULL,
    chunk_size integer NOT NULL,
    digest bytea,               -- null until it is finished
    size bigint,
    touched_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    attached boolean NOT NULL DEFAULT false,    -- known to be: an event names it
    UNIQUE (subject, digest)
);

CREATE INDEX IF NOT EXISTS contents_loose ON backstory.contents (touched_at) WHERE NOT attached;

CREATE TABLE IF NOT EXISTS backstory.chunks (
    content_id uuid NOT NULL REFERENCES backstory.contents ON DELETE CASCADE,
    index integer NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (content_id, index)
);

-- Sealed bytes cannot be compressed.
ALTER TABLE backstory.chunks ALTER COLUMN sealed SET STORAGE EXTERNAL;
