-- The event store of Backstory. Every statement may run again: an upgrade is the same script.
-- Postgres 15 or newer. Only tables, one sequence and functions; no extension.

CREATE SCHEMA IF NOT EXISTS backstory;

CREATE TABLE IF NOT EXISTS backstory.meta (
    only_one    boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    schema_hash text NOT NULL,
    -- Which log this is. A restored copy that goes on by itself must be given a new one.
    incarnation uuid NOT NULL DEFAULT gen_random_uuid()
);

-- The one global order. Drawn in blocks by backstory.draw() and by nothing else.
CREATE SEQUENCE IF NOT EXISTS backstory.positions AS bigint MINVALUE 1 NO CYCLE;

CREATE TABLE IF NOT EXISTS backstory.events (
    position       bigint      NOT NULL,
    recorded_at    timestamptz NOT NULL,
    occurred_at    timestamptz NOT NULL,
    stream_id      uuid        NOT NULL,
    version        integer     NOT NULL,
    schema_version smallint    NOT NULL,
    command_id     uuid        NOT NULL,
    actor          uuid        NOT NULL,
    correlation_id uuid        NOT NULL,
    on_behalf_of   uuid,
    customer_id    uuid,
    kind           text        NOT NULL,
    topic          text        NOT NULL,
    origin         text        NOT NULL,
    causation_id   text,
    reason         bytea,
    leaf           bytea       NOT NULL,
    payload        bytea       NOT NULL,
    CONSTRAINT events_position PRIMARY KEY (position),
    CONSTRAINT events_stream_version UNIQUE (stream_id, version)
) WITH (
    -- Rows are only ever added: vacuum early enough that index-only reads and freezing stay cheap.
    autovacuum_vacuum_insert_threshold = 50000,
    autovacuum_vacuum_insert_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.05
);

CREATE INDEX IF NOT EXISTS events_customer
    ON backstory.events (customer_id, position) WHERE customer_id IS NOT NULL;

-- What an import did, and what policies did because of it, is found by the import's id.
CREATE INDEX IF NOT EXISTS events_import_streams
    ON backstory.events (correlation_id, stream_id) WHERE origin IN ('import', 'policy');
DROP INDEX IF EXISTS backstory.events_import;

CREATE TABLE IF NOT EXISTS backstory.commands (
    command_id  uuid        PRIMARY KEY,
    stream_id   uuid        NOT NULL,
    recorded_at timestamptz NOT NULL,
    -- Drawn anew for each submitted unit: tells "this very submission is stored" (its reply was lost)
    -- from "this command was stored before".
    submission  bigint      NOT NULL,
    version     integer     NOT NULL,
    status      smallint    NOT NULL,
    name        text        NOT NULL,
    fingerprint bytea
);

CREATE TABLE IF NOT EXISTS backstory.reservations (key bytea PRIMARY KEY, holder uuid NOT NULL);

CREATE TABLE IF NOT EXISTS backstory.marks (
    key bytea NOT NULL, stream_id uuid NOT NULL, PRIMARY KEY (key, stream_id)
);

CREATE TABLE IF NOT EXISTS backstory.subject_keys (
    subject uuid PRIMARY KEY, wrapped bytea NOT NULL, created_at timestamptz NOT NULL
);

CREATE TABLE IF NOT EXISTS backstory.snapshots (
    stream_id uuid PRIMARY KEY, version integer NOT NULL, revision integer NOT NULL, state bytea NOT NULL
);

CREATE TABLE IF NOT EXISTS backstory.series (name text PRIMARY KEY, next bigint NOT NULL)
    WITH (fillfactor = 50);

-- The published head, and every head ever published: an instant resolves for ever to the same one.
CREATE TABLE IF NOT EXISTS backstory.head (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    position bigint NOT NULL,
    at       timestamptz NOT NULL
) WITH (fillfactor = 10);

CREATE TABLE IF NOT EXISTS backstory.heads (at timestamptz PRIMARY KEY, position bigint NOT NULL);

-- Where a process recorder of the event-sourcing library has read to.
CREATE TABLE IF NOT EXISTS backstory.recorder_tracking (
    application_name text PRIMARY KEY, notification_id bigint NOT NULL
);

INSERT INTO backstory.head (position, at) VALUES (0, clock_timestamp()) ON CONFLICT DO NOTHING;


-- What is recorded stays as it was recorded.
CREATE OR REPLACE FUNCTION backstory.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on backstory.% is refused: it is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON backstory.events
    FOR EACH STATEMENT EXECUTE FUNCTION backstory.refuse_change();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON backstory.commands
    FOR EACH STATEMENT EXECUTE FUNCTION backstory.refuse_change();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON backstory.heads
    FOR EACH STATEMENT EXECUTE FUNCTION backstory.refuse_change();


-- Advisory locks. 16979 is 0x4253: two-key locks (16979, n) are 1 drawing, 2 publishing, 3 keeping the
-- head, 4 installing; one-key locks with 0x4253 in the upper 16 bits are the writers' floors.

CREATE OR REPLACE FUNCTION backstory.drawn() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM backstory.positions
$$;

-- Every transaction that appends calls this before it draws a position: it shows, until after its
-- commit is visible, below which position it certainly holds nothing.
CREATE OR REPLACE FUNCTION backstory.show_floor() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(x'4253000000000000'::bigint | backstory.drawn());
END $$;

-- Draws a block of consecutive positions and answers the first. The lock lives for the inner block
-- only: rolling a block back releases its locks, but neither a sequence nor a variable goes back.
CREATE OR REPLACE FUNCTION backstory.draw(n integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    first bigint;
BEGIN
    BEGIN
        PERFORM pg_advisory_xact_lock(16979, 1);
        first := backstory.drawn() + 1;
        PERFORM setval('backstory.positions', first + n - 1);
        RAISE EXCEPTION USING ERRCODE = 'BS000';
    EXCEPTION WHEN SQLSTATE 'BS000' THEN
        RETURN first;
    END;
END $$;

-- How far the log may be read: nothing at or below `safe` can still appear. The sequence is read
-- first. A writer whose floor is not among the locks seen after that has either ended, and is
-- visible, or will draw above what was read.
CREATE OR REPLACE FUNCTION backstory.safe_position(OUT drawn bigint, OUT safe bigint, OUT held_by integer)
LANGUAGE plpgsql AS $$
BEGIN
    drawn := backstory.drawn();
    SELECT floor, pid INTO safe, held_by
    FROM (SELECT (l.classid::bigint << 32 | l.objid::bigint) & x'0000ffffffffffff'::bigint AS floor, l.pid
          FROM pg_locks l
          WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.classid::bigint >> 16 = 16979
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS floors
    ORDER BY floor LIMIT 1;
    safe := least(drawn, safe);
END $$;

-- Publishes the head if it can move. Anybody may call it at any time; the keeper does.
CREATE OR REPLACE FUNCTION backstory.publish_head(
    OUT "position" bigint, OUT at timestamptz, OUT drawn bigint, OUT held_by integer, OUT incarnation uuid)
LANGUAGE plpgsql AS $$
DECLARE
    now_safe bigint;
BEGIN
    SELECT s.drawn, s.safe, s.held_by INTO drawn, now_safe, held_by FROM backstory.safe_position() s;
    SELECT h.position, h.at, m.incarnation INTO position, at, incarnation
    FROM backstory.head h, backstory.meta m;
    IF now_safe <= position THEN
        -- Somebody else may have published since `drawn` was read; it must not look smaller.
        drawn := greatest(drawn, backstory.drawn());
        RETURN;
    END IF;
    -- Before the clock is read: head_at() waits for whoever has read it and not yet published.
    PERFORM pg_advisory_xact_lock(16979, 2);
    UPDATE backstory.head h
    SET position = now_safe, at = greatest(clock_timestamp(), h.at + interval '1 microsecond')
    WHERE h.position < now_safe
    RETURNING h.position, h.at INTO position, at;
    IF FOUND THEN
        INSERT INTO backstory.heads (position, at) VALUES (position, at);
    ELSE
        SELECT h.position, h.at INTO position, at FROM backstory.head h;
    END IF;
    drawn := greatest(drawn, backstory.drawn());
END $$;

-- The last head published at or before an instant. For an instant that has passed, the answer never
-- changes: a head published later has a later time.
CREATE OR REPLACE FUNCTION backstory.head_at(instant timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    answer bigint;
BEGIN
    IF instant >= (SELECT h.at FROM backstory.head h) THEN
        PERFORM pg_advisory_xact_lock_shared(16979, 2);
    END IF;
    SELECT h.position INTO answer FROM backstory.heads h WHERE h.at <= instant ORDER BY h.at DESC LIMIT 1;
    RETURN coalesce(answer, 0);
END $$;

-- Draws consecutive numbers of a series and answers the first.
CREATE OR REPLACE FUNCTION backstory.next_numbers(series text, n bigint) RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO backstory.series AS s (name, next) VALUES (series, n + 1)
    ON CONFLICT (name) DO UPDATE SET next = s.next + n
    RETURNING next - n
$$;

-- What is handed to append(), one row type for each kind of row. `unit` says which unit it belongs to.
DROP TYPE IF EXISTS backstory.new_command, backstory.new_event, backstory.new_key, backstory.new_subject
    CASCADE;
CREATE TYPE backstory.new_command AS (
    unit integer, id uuid, name text, status smallint, stream uuid, version integer, fingerprint bytea,
    submission bigint
);
CREATE TYPE backstory.new_event AS (
    unit integer, stream uuid, version integer, kind text, topic text, schema_version smallint,
    payload bytea, command uuid, actor uuid, on_behalf_of uuid, origin text, reason bytea,
    correlation uuid, causation text, customer uuid, occurred timestamptz, follows boolean, digest bytea
);
CREATE TYPE backstory.new_key AS (unit integer, key bytea, owner uuid);
CREATE TYPE backstory.new_subject AS (unit integer, subject uuid, wrapped bytea);


-- Who stands in the way of which unit, one row each, by the first reason that applies.
CREATE FUNCTION backstory.refusals(
    commands backstory.new_command[], events backstory.new_event[], reserve backstory.new_key[],
    subjects backstory.new_subject[])
RETURNS TABLE (unit integer, refusal jsonb) LANGUAGE sql AS $$
    SELECT DISTINCT ON (unit) unit, refusal
    FROM (
        SELECT c.unit, 1 AS priority, jsonb_build_object('unit', c.unit, 'known', jsonb_agg(
            jsonb_build_object(
                'command_id', k.command_id, 'stream_id', k.stream_id, 'version', k.version,
                'position', coalesce(e.position, 0), 'status', k.status, 'submission', k.submission,
                'fingerprint', encode(k.fingerprint, 'hex')))) AS refusal
        FROM unnest(commands) AS c
        JOIN backstory.commands k ON k.command_id = c.id
        LEFT JOIN backstory.events e ON e.stream_id = k.stream_id AND e.version = k.version
        GROUP BY c.unit
    UNION ALL
        SELECT e.unit, 2, jsonb_build_object('unit', e.unit, 'moved', jsonb_build_object(
            'stream_id', e.stream, 'version', e.version))
        FROM unnest(events) AS e
        WHERE (SELECT true FROM backstory.events o WHERE o.stream_id = e.stream AND o.version = e.version)
           OR e.follows AND (SELECT true FROM backstory.events o
                             WHERE o.stream_id = e.stream AND o.version = e.version - 1) IS NULL
    UNION ALL
        SELECT r.unit, 3, jsonb_build_object('unit', r.unit, 'taken', jsonb_build_object(
            'key', encode(r.key, 'hex'), 'holder', t.holder))
        FROM unnest(reserve) AS r
        JOIN backstory.reservations t ON t.key = r.key AND t.holder <> r.owner
    UNION ALL
        SELECT s.unit, 4, jsonb_build_object('unit', s.unit, 'subject', s.subject)
        FROM unnest(subjects) AS s
        JOIN backstory.subject_keys t ON t.subject = s.subject
    ) AS reasons
    ORDER BY unit, priority, refusal
$$;

-- Stores units of events, each whole or not at all, in one transaction.
--
-- Rows are taken in one order everywhere (reservations and releases by key, commands, subjects, events,
-- marks), so no two calls wait for each other in a circle. If a row of a unit cannot be had, everything
-- is rolled back to the start, the units that stand in somebody's way are left out, and the rest are
-- tried again.
--
-- Answers the position of the first stored event (the others follow without a gap, in the order the
-- events came), what was refused and why, and on request the positions of the receipts.
CREATE FUNCTION backstory.append(
    commands backstory.new_command[], events backstory.new_event[],
    reserve backstory.new_key[], release backstory.new_key[],
    mark backstory.new_key[], unmark backstory.new_key[], subjects backstory.new_subject[],
    with_receipts boolean,
    OUT first_position bigint, OUT refused jsonb, OUT receipts jsonb)
LANGUAGE plpgsql AS $$
DECLARE
    now_at   timestamptz := clock_timestamp();
    now_us   bigint := (extract(epoch FROM now_at) * 1000000)::bigint;
    attempts integer := 0;
    got      integer;
    one      record;
    left_out integer[];
    more     jsonb;
    violated text;
BEGIN
    PERFORM backstory.show_floor();
    LOOP
        BEGIN
            IF release <> '{}' THEN
                FOR one IN
                    SELECT key, owner, false AS wants FROM unnest(release)
                    UNION ALL
                    SELECT key, owner, true FROM unnest(reserve)
                    ORDER BY key, wants
                LOOP
                    IF one.wants THEN
                        INSERT INTO backstory.reservations VALUES (one.key, one.owner) ON CONFLICT DO NOTHING;
                    ELSE
                        DELETE FROM backstory.reservations r WHERE r.key = one.key AND r.holder = one.owner;
                    END IF;
                END LOOP;
                got := -1;
            ELSIF reserve <> '{}' THEN
                INSERT INTO backstory.reservations
                SELECT key, owner FROM unnest(reserve) ORDER BY key
                ON CONFLICT DO NOTHING;
                GET DIAGNOSTICS got = ROW_COUNT;
            END IF;
            -- What the holder has already is no conflict.
            IF reserve <> '{}' AND got <> cardinality(reserve) AND cardinality(reserve) <> (
                SELECT count(*) FROM unnest(reserve) w
                JOIN backstory.reservations r ON r.key = w.key AND r.holder = w.owner
            ) THEN
                RAISE EXCEPTION USING ERRCODE = 'BS001';
            END IF;

            -- Not ON CONFLICT: looking first, for each row, costs more than to begin again once in a while.
            INSERT INTO backstory.commands
                (command_id, name, status, stream_id, version, fingerprint, submission, recorded_at)
            SELECT id, name, status, stream, version, fingerprint, submission, now_at
            FROM unnest(commands) ORDER BY id;

            IF subjects <> '{}' THEN
                INSERT INTO backstory.subject_keys
                SELECT subject, wrapped, now_at FROM unnest(subjects) ORDER BY subject;
            END IF;

            IF events <> '{}' THEN
                first_position := backstory.draw(cardinality(events));
                INSERT INTO backstory.events
                    (position, recorded_at, occurred_at, stream_id, version, kind, topic, schema_version,
                     payload, command_id, actor, on_behalf_of, origin, reason, correlation_id, causation_id,
                     customer_id, leaf)
                SELECT first_position + n - 1, now_at, coalesce(occurred, now_at), stream, e.version, kind, topic,
                    schema_version, payload, command, actor, on_behalf_of, origin, reason, correlation,
                    causation, customer,
                    sha256('\x00'::bytea || int8send(now_us)
                        || int8send(coalesce((extract(epoch FROM occurred) * 1000000)::bigint, now_us))
                        || digest)
                FROM unnest(events) WITH ORDINALITY AS e (unit, stream, version, kind, topic, schema_version,
                    payload, command, actor, on_behalf_of, origin, reason, correlation, causation, customer,
                    occurred, follows, digest, n)
                -- A version that follows nothing would leave a gap. Asked as a value, not with EXISTS: that
                -- could be answered by hashing the whole table, and is while the table is small.
                WHERE NOT follows OR (
                    SELECT true FROM backstory.events o
                    WHERE o.stream_id = stream AND o.version = e.version - 1)
                ORDER BY stream, e.version;
                GET DIAGNOSTICS got = ROW_COUNT;
                IF got <> cardinality(events) THEN
                    RAISE EXCEPTION USING ERRCODE = 'BS001';
                END IF;
            END IF;

            IF unmark <> '{}' THEN
                FOR one IN
                    SELECT key, owner, false AS wants FROM unnest(unmark)
                    UNION ALL
                    SELECT key, owner, true FROM unnest(mark)
                    ORDER BY key, owner, wants
                LOOP
                    IF one.wants THEN
                        INSERT INTO backstory.marks VALUES (one.key, one.owner) ON CONFLICT DO NOTHING;
                    ELSE
                        DELETE FROM backstory.marks m WHERE m.key = one.key AND m.stream_id = one.owner;
                    END IF;
                END LOOP;
            ELSIF mark <> '{}' THEN
                INSERT INTO backstory.marks
                SELECT key, owner FROM unnest(mark) ORDER BY key, owner
                ON CONFLICT DO NOTHING;
            END IF;
            EXIT;
        EXCEPTION WHEN unique_violation OR SQLSTATE 'BS001' THEN
            GET STACKED DIAGNOSTICS violated = CONSTRAINT_NAME;
            IF violated = 'events_position' THEN
                RAISE;  -- The sequence was set back: nobody's fault, and no other attempt helps.
            END IF;
            first_position := NULL;
            attempts := attempts + 1;
            IF attempts > 50 THEN
                RAISE EXCEPTION 'somebody is always first' USING ERRCODE = 'serialization_failure';
            END IF;
        END;

        SELECT array_agg(r.unit), jsonb_agg(r.refusal) INTO left_out, more
        FROM backstory.refusals(commands, events, reserve, subjects) AS r;
        -- None: whoever stood in the way has gone again.
        CONTINUE WHEN left_out IS NULL;
        refused := coalesce(refused, '[]') || more;
        commands := ARRAY(SELECT c FROM unnest(commands) c WHERE c.unit <> ALL (left_out));
        events := ARRAY(SELECT e FROM unnest(events) e WHERE e.unit <> ALL (left_out));
        reserve := ARRAY(SELECT k FROM unnest(reserve) k WHERE k.unit <> ALL (left_out));
        release := ARRAY(SELECT k FROM unnest(release) k WHERE k.unit <> ALL (left_out));
        mark := ARRAY(SELECT k FROM unnest(mark) k WHERE k.unit <> ALL (left_out));
        unmark := ARRAY(SELECT k FROM unnest(unmark) k WHERE k.unit <> ALL (left_out));
        subjects := ARRAY(SELECT k FROM unnest(subjects) k WHERE k.unit <> ALL (left_out));
    END LOOP;

    IF with_receipts THEN
        SELECT jsonb_object_agg(c.id, e.position) INTO receipts
        FROM unnest(commands) c
        JOIN backstory.events e ON e.stream_id = c.stream AND e.version = c.version;
    END IF;
END $$;
