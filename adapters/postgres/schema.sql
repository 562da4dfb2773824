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

CREATE OR REPLACE FUNCTION backstory.microseconds(instant timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT (extract(epoch FROM instant) * 1000000)::bigint $$;


-- Who stands in the way of which unit, one row each, by the first reason that applies.
CREATE OR REPLACE FUNCTION backstory.refusals(
    c_unit integer[], c_id uuid[], e_unit integer[], e_stream uuid[], e_version integer[], e_follows boolean[],
    r_unit integer[], r_key bytea[], r_holder uuid[], s_unit integer[], s_subject uuid[])
RETURNS TABLE (unit integer, refusal jsonb) LANGUAGE sql AS $$
    SELECT DISTINCT ON (unit) unit, refusal
    FROM (
        SELECT c.unit, 1 AS priority, jsonb_build_object('unit', c.unit, 'known', jsonb_agg(
            jsonb_build_object(
                'command_id', k.command_id, 'stream_id', k.stream_id, 'version', k.version,
                'position', coalesce(e.position, 0), 'status', k.status, 'submission', k.submission,
                'fingerprint', encode(k.fingerprint, 'hex')))) AS refusal
        FROM unnest(c_unit, c_id) AS c (unit, id)
        JOIN backstory.commands k ON k.command_id = c.id
        LEFT JOIN backstory.events e ON e.stream_id = k.stream_id AND e.version = k.version
        GROUP BY c.unit
    UNION ALL
        SELECT e.unit, 2, jsonb_build_object('unit', e.unit, 'moved', jsonb_build_object(
            'stream_id', e.stream, 'version', e.version))
        FROM unnest(e_unit, e_stream, e_version, e_follows) AS e (unit, stream, version, follows)
        WHERE EXISTS (SELECT FROM backstory.events o WHERE o.stream_id = e.stream AND o.version = e.version)
           OR e.follows AND NOT EXISTS (
               SELECT FROM backstory.events o WHERE o.stream_id = e.stream AND o.version = e.version - 1)
    UNION ALL
        SELECT r.unit, 3, jsonb_build_object('unit', r.unit, 'taken', jsonb_build_object(
            'key', encode(r.key, 'hex'), 'holder', t.holder))
        FROM unnest(r_unit, r_key, r_holder) AS r (unit, key, holder)
        JOIN backstory.reservations t ON t.key = r.key AND t.holder <> r.holder
    UNION ALL
        SELECT s.unit, 4, jsonb_build_object('unit', s.unit, 'subject', s.subject)
        FROM unnest(s_unit, s_subject) AS s (unit, subject)
        JOIN backstory.subject_keys t ON t.subject = s.subject
    ) AS reasons
    ORDER BY unit, priority, refusal
$$;

-- Stores units of events, each whole or not at all, in one transaction.
--
-- Columns arrive as arrays: c commands, e events, r reservations, l releases, m marks, n unmarks,
-- s subject keys; x_unit says which unit a row belongs to. Rows are taken in one order everywhere
-- (reservations and releases by key, commands, subjects, events, marks), so no two calls wait for each
-- other in a circle. If a row of a unit cannot be had, everything is rolled back to the start, the
-- units that stand in somebody's way are left out, and the rest are tried again.
--
-- Answers the position of the first stored event (the others follow without a gap, in the order the
-- events came), what was refused and why, and on request the positions of the receipts.
CREATE OR REPLACE FUNCTION backstory.append(
    c_unit integer[], c_id uuid[], c_name text[], c_status smallint[], c_stream uuid[], c_version integer[],
    c_fingerprint bytea[], c_submission bigint[],
    e_unit integer[], e_stream uuid[], e_version integer[], e_kind text[], e_topic text[],
    e_schema_version smallint[], e_payload bytea[], e_command uuid[], e_actor uuid[], e_on_behalf_of uuid[],
    e_origin text[], e_reason bytea[], e_correlation uuid[], e_causation text[], e_customer uuid[],
    e_occurred timestamptz[], e_follows boolean[], e_digest bytea[],
    r_unit integer[], r_key bytea[], r_holder uuid[],
    l_unit integer[], l_key bytea[], l_holder uuid[],
    m_unit integer[], m_key bytea[], m_stream uuid[],
    n_unit integer[], n_key bytea[], n_stream uuid[],
    s_unit integer[], s_subject uuid[], s_wrapped bytea[],
    with_receipts boolean,
    OUT first_position bigint, OUT refused jsonb, OUT receipts jsonb)
LANGUAGE plpgsql AS $$
DECLARE
    now_at   timestamptz := clock_timestamp();
    now_us   bigint := backstory.microseconds(now_at);
    attempts integer := 0;
    wanted   integer;
    got      integer;
    one      record;
    out_now  integer[];
    more     jsonb;
BEGIN
    PERFORM backstory.show_floor();
    LOOP
        BEGIN
            wanted := cardinality(r_key);
            IF cardinality(l_key) > 0 THEN
                FOR one IN
                    SELECT key, holder, false AS wants FROM unnest(l_key, l_holder) AS l (key, holder)
                    UNION ALL
                    SELECT key, holder, true FROM unnest(r_key, r_holder) AS r (key, holder)
                    ORDER BY 1, 3
                LOOP
                    IF one.wants THEN
                        INSERT INTO backstory.reservations VALUES (one.key, one.holder) ON CONFLICT DO NOTHING;
                    ELSE
                        DELETE FROM backstory.reservations WHERE key = one.key AND holder = one.holder;
                    END IF;
                END LOOP;
                got := -1;
            ELSIF wanted > 0 THEN
                INSERT INTO backstory.reservations
                SELECT key, holder FROM unnest(r_key, r_holder) AS r (key, holder) ORDER BY key
                ON CONFLICT DO NOTHING;
                GET DIAGNOSTICS got = ROW_COUNT;
            END IF;
            IF wanted > 0 AND got <> wanted AND wanted <> (
                SELECT count(*) FROM unnest(r_key, r_holder) AS r (key, holder)
                JOIN backstory.reservations t USING (key, holder)
            ) THEN
                RAISE EXCEPTION USING ERRCODE = 'BS001';
            END IF;

            INSERT INTO backstory.commands
                (command_id, name, status, stream_id, version, fingerprint, submission, recorded_at)
            SELECT id, name, status, stream, version, fingerprint, submission, now_at
            FROM unnest(c_id, c_name, c_status, c_stream, c_version, c_fingerprint, c_submission)
                AS c (id, name, status, stream, version, fingerprint, submission)
            ORDER BY id
            ON CONFLICT DO NOTHING;
            GET DIAGNOSTICS got = ROW_COUNT;
            IF got <> cardinality(c_id) THEN
                RAISE EXCEPTION USING ERRCODE = 'BS001';
            END IF;

            IF cardinality(s_subject) > 0 THEN
                INSERT INTO backstory.subject_keys
                SELECT subject, wrapped, now_at
                FROM unnest(s_subject, s_wrapped) AS s (subject, wrapped) ORDER BY subject
                ON CONFLICT DO NOTHING;
                GET DIAGNOSTICS got = ROW_COUNT;
                IF got <> cardinality(s_subject) THEN
                    RAISE EXCEPTION USING ERRCODE = 'BS001';
                END IF;
            END IF;

            IF cardinality(e_stream) > 0 THEN
                IF true = ANY (e_follows) AND EXISTS (
                    SELECT FROM unnest(e_stream, e_version, e_follows) AS e (stream, version, follows)
                    WHERE follows AND NOT EXISTS (
                        SELECT FROM backstory.events o WHERE o.stream_id = stream AND o.version = e.version - 1)
                ) THEN
                    RAISE EXCEPTION USING ERRCODE = 'BS001';
                END IF;
                first_position := backstory.draw(cardinality(e_stream));
                INSERT INTO backstory.events
                    (position, recorded_at, occurred_at, stream_id, version, kind, topic, schema_version,
                     payload, command_id, actor, on_behalf_of, origin, reason, correlation_id, causation_id,
                     customer_id, leaf)
                SELECT first_position + n - 1, now_at, coalesce(occurred, now_at), stream, version, kind, topic,
                    schema_version, payload, command, actor, on_behalf_of, origin, reason, correlation,
                    causation, customer,
                    sha256('\x00'::bytea || int8send(now_us)
                        || int8send(coalesce(backstory.microseconds(occurred), now_us)) || digest)
                FROM unnest(e_stream, e_version, e_kind, e_topic, e_schema_version, e_payload, e_command, e_actor,
                        e_on_behalf_of, e_origin, e_reason, e_correlation, e_causation, e_customer, e_occurred,
                        e_digest)
                    WITH ORDINALITY AS e (stream, version, kind, topic, schema_version, payload, command, actor,
                        on_behalf_of, origin, reason, correlation, causation, customer, occurred, digest, n)
                ORDER BY stream, version
                ON CONFLICT (stream_id, version) DO NOTHING;
                GET DIAGNOSTICS got = ROW_COUNT;
                IF got <> cardinality(e_stream) THEN
                    RAISE EXCEPTION USING ERRCODE = 'BS001';
                END IF;
            END IF;

            IF cardinality(m_key) + cardinality(n_key) > 0 THEN
                FOR one IN
                    SELECT key, stream, false AS wants FROM unnest(n_key, n_stream) AS n (key, stream)
                    UNION ALL
                    SELECT key, stream, true FROM unnest(m_key, m_stream) AS m (key, stream)
                    ORDER BY 1, 2, 3
                LOOP
                    IF one.wants THEN
                        INSERT INTO backstory.marks VALUES (one.key, one.stream) ON CONFLICT DO NOTHING;
                    ELSE
                        DELETE FROM backstory.marks WHERE key = one.key AND stream_id = one.stream;
                    END IF;
                END LOOP;
            END IF;
            EXIT;
        EXCEPTION WHEN SQLSTATE 'BS001' THEN
            first_position := NULL;
            attempts := attempts + 1;
            IF attempts > 50 THEN
                RAISE EXCEPTION 'somebody is always first' USING ERRCODE = 'serialization_failure';
            END IF;
        END;

        SELECT array_agg(r.unit), jsonb_agg(r.refusal) INTO out_now, more
        FROM backstory.refusals(c_unit, c_id, e_unit, e_stream, e_version, e_follows,
                                r_unit, r_key, r_holder, s_unit, s_subject) AS r;
        -- None: whoever stood in the way has gone again.
        CONTINUE WHEN out_now IS NULL;
        refused := coalesce(refused, '[]') || more;

        SELECT coalesce(array_agg(c.a ORDER BY o), '{}'), coalesce(array_agg(c.b ORDER BY o), '{}'),
            coalesce(array_agg(c.c ORDER BY o), '{}'), coalesce(array_agg(c.d ORDER BY o), '{}'),
            coalesce(array_agg(c.e ORDER BY o), '{}'), coalesce(array_agg(c.f ORDER BY o), '{}'),
            coalesce(array_agg(c.g ORDER BY o), '{}'), coalesce(array_agg(c.h ORDER BY o), '{}')
        INTO c_unit, c_id, c_name, c_status, c_stream, c_version, c_fingerprint, c_submission
        FROM unnest(c_unit, c_id, c_name, c_status, c_stream, c_version, c_fingerprint, c_submission)
            WITH ORDINALITY AS c (a, b, c, d, e, f, g, h, o)
        WHERE c.a <> ALL (out_now);

        SELECT coalesce(array_agg(e.a ORDER BY z), '{}'), coalesce(array_agg(e.b ORDER BY z), '{}'),
            coalesce(array_agg(e.c ORDER BY z), '{}'), coalesce(array_agg(e.d ORDER BY z), '{}'),
            coalesce(array_agg(e.e ORDER BY z), '{}'), coalesce(array_agg(e.f ORDER BY z), '{}'),
            coalesce(array_agg(e.g ORDER BY z), '{}'), coalesce(array_agg(e.h ORDER BY z), '{}'),
            coalesce(array_agg(e.i ORDER BY z), '{}'), coalesce(array_agg(e.j ORDER BY z), '{}'),
            coalesce(array_agg(e.k ORDER BY z), '{}'), coalesce(array_agg(e.l ORDER BY z), '{}'),
            coalesce(array_agg(e.m ORDER BY z), '{}'), coalesce(array_agg(e.n ORDER BY z), '{}'),
            coalesce(array_agg(e.o ORDER BY z), '{}'), coalesce(array_agg(e.p ORDER BY z), '{}'),
            coalesce(array_agg(e.q ORDER BY z), '{}'), coalesce(array_agg(e.r ORDER BY z), '{}')
        INTO e_unit, e_stream, e_version, e_kind, e_topic, e_schema_version, e_payload, e_command, e_actor,
            e_on_behalf_of, e_origin, e_reason, e_correlation, e_causation, e_customer, e_occurred, e_follows,
            e_digest
        FROM unnest(e_unit, e_stream, e_version, e_kind, e_topic, e_schema_version, e_payload, e_command, e_actor,
                e_on_behalf_of, e_origin, e_reason, e_correlation, e_causation, e_customer, e_occurred, e_follows,
                e_digest)
            WITH ORDINALITY AS e (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, z)
        WHERE e.a <> ALL (out_now);

        SELECT k.unit, k.key, k.owner INTO r_unit, r_key, r_holder
            FROM backstory.without(out_now, r_unit, r_key, r_holder) AS k;
        SELECT k.unit, k.key, k.owner INTO l_unit, l_key, l_holder
            FROM backstory.without(out_now, l_unit, l_key, l_holder) AS k;
        SELECT k.unit, k.key, k.owner INTO m_unit, m_key, m_stream
            FROM backstory.without(out_now, m_unit, m_key, m_stream) AS k;
        SELECT k.unit, k.key, k.owner INTO n_unit, n_key, n_stream
            FROM backstory.without(out_now, n_unit, n_key, n_stream) AS k;
        SELECT k.unit, k.key, k.owner INTO s_unit, s_wrapped, s_subject
            FROM backstory.without(out_now, s_unit, s_wrapped, s_subject) AS k;
    END LOOP;

    IF with_receipts THEN
        SELECT jsonb_object_agg(c.id, e.position) INTO receipts
        FROM unnest(c_id, c_stream, c_version) AS c (id, stream, version)
        JOIN backstory.events e ON e.stream_id = c.stream AND e.version = c.version;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION backstory.without(
    left_out integer[], INOUT unit integer[], INOUT key bytea[], INOUT owner uuid[])
LANGUAGE sql AS $$
    SELECT coalesce(array_agg(u ORDER BY n), '{}'), coalesce(array_agg(k ORDER BY n), '{}'),
        coalesce(array_agg(o ORDER BY n), '{}')
    FROM unnest(unit, key, owner) WITH ORDINALITY AS r (u, k, o, n)
    WHERE u <> ALL (left_out)
$$;
