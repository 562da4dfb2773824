-- What looks the same; made in matching, and in matching_next while everything is compared anew.

CREATE SCHEMA IF NOT EXISTS ${schema};

-- Of each record that is in use: what it was last compared by, so that most changes change nothing.
CREATE TABLE ${schema}.profiles (
    id     uuid  PRIMARY KEY,
    digest bytea NOT NULL
);

-- Records are compared only where they share a key; it begins with the letter of their kind.
CREATE TABLE ${schema}.keys (
    key text COLLATE "C" NOT NULL,
    id  uuid NOT NULL,
    PRIMARY KEY (key, id)
);
CREATE INDEX keys_id ON ${schema}.keys (id);

-- Pairs that are more likely the same than not; one_id is the lesser of both.
CREATE TABLE ${schema}.pairs (
    kind     text             NOT NULL,
    one_id   uuid             NOT NULL,
    other_id uuid             NOT NULL,
    score    double precision NOT NULL,
    bits     double precision NOT NULL,
    reasons  jsonb            NOT NULL,
    PRIMARY KEY (one_id, other_id)
);
CREATE INDEX pairs_other_id ON ${schema}.pairs (other_id);
CREATE INDEX pairs_best ON ${schema}.pairs (kind, bits DESC, one_id, other_id);

-- Streams that a view has parked: once it has them, their records are compared again.
CREATE TABLE ${schema}.parked (
    projection text NOT NULL,
    stream_id  uuid NOT NULL,
    PRIMARY KEY (projection, stream_id)
);
