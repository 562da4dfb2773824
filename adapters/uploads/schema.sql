-- Files that are to be imported. Run again by every process that starts; changes nothing there is.

CREATE SCHEMA IF NOT EXISTS backstory;

CREATE TABLE IF NOT EXISTS backstory.uploads (
    id uuid PRIMARY KEY,            -- the import's; of a rehearsal, its own
    is_rehearsal boolean NOT NULL,
    actor uuid NOT NULL,
    subject uuid NOT NULL,          -- whose key seals what is kept of the file
    content_id uuid NOT NULL,       -- the file
    asked bytea NOT NULL,           -- sealed: what is to be done with it
    state text NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'running', 'finished', 'failed', 'stopped')),
    attempts integer NOT NULL DEFAULT 0,
    told bytea,                     -- sealed: how far it is, and what was noticed
    refused_id uuid,                -- the refused rows, as a file
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX IF NOT EXISTS uploads_open ON backstory.uploads (asked_at)
    WHERE state IN ('waiting', 'running');

-- Requests with a key, so that one that is repeated is known again.
CREATE TABLE IF NOT EXISTS backstory.upload_keys (
    command_id uuid PRIMARY KEY,
    fingerprint bytea NOT NULL,
    upload_id uuid NOT NULL
);
