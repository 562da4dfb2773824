-- What policies have read and what they want. Every statement may run again.

CREATE SEQUENCE IF NOT EXISTS backstory.policy_epochs AS bigint;

-- One row per policy, from the moment at which a process first knew it.
CREATE TABLE IF NOT EXISTS backstory.policies (
    policy      text        PRIMARY KEY,
    -- Everything up to here has been answered.
    position    bigint      NOT NULL,
    -- Only who holds this epoch may move the position.
    epoch       bigint      NOT NULL DEFAULT 0,
    -- Which log was read.
    incarnation uuid        NOT NULL,
    since       timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 25);

-- How many of its requests were carried out, from when this was first counted.
ALTER TABLE backstory.policies ADD COLUMN IF NOT EXISTS fired bigint NOT NULL DEFAULT 0;

-- Requests that wait for their moment, and those that came to nothing. What is asked for is not
-- here, as it may be personal: the policy says it again when it is shown the event.
CREATE TABLE IF NOT EXISTS backstory.policy_requests (
    -- Also the command's id.
    id        uuid        PRIMARY KEY,
    policy    text        NOT NULL,
    key       text        NOT NULL,
    state     text        NOT NULL CHECK (state IN ('waiting', 'refused', 'dropped')),
    -- The event that caused it.
    stream_id uuid        NOT NULL,
    version   integer     NOT NULL,
    position  bigint      NOT NULL,
    ordinal   integer     NOT NULL,
    -- When it was to be made; NULL: at once.
    due_at    timestamptz,
    -- When it is to be tried.
    fires_at  timestamptz NOT NULL,
    attempts  integer     NOT NULL DEFAULT 0,
    problem   jsonb,
    since     timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX IF NOT EXISTS policy_requests_key
    ON backstory.policy_requests (policy, key) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS policy_requests_fires_at
    ON backstory.policy_requests (fires_at, position, ordinal) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS policy_requests_state
    ON backstory.policy_requests (state, position, id);

-- Streams at an event of which a policy failed: it has answered none of their events since.
CREATE TABLE IF NOT EXISTS backstory.policy_parked (
    id        uuid        NOT NULL DEFAULT gen_random_uuid(),
    policy    text        NOT NULL,
    stream_id uuid        NOT NULL,
    version   integer     NOT NULL,
    position  bigint      NOT NULL,
    error     text        NOT NULL,
    since     timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts  integer     NOT NULL DEFAULT 1,
    PRIMARY KEY (policy, stream_id)
);
