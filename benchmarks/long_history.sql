-- Three years of so many customers, some 50 events each, in the order in which things happened.
-- Written by the server itself, past append(): payloads are plain and leaves empty, which the folds
-- and reads that are measured do not look at. Every customer has 10 interactions, every 500th 200.

WITH customers AS (
    SELECT i, md5('customer' || i)::uuid AS id, i %% 500 = 1 AS is_busy,
        %(begun)s::timestamptz + (i %% 365) * interval '1 day' + (i %% 600) * interval '1 minute' AS at
    FROM generate_series(1, %(customers)s::integer) AS i
),
opportunities AS (
    SELECT c.id AS customer_id, md5('opportunity' || c.i || '/' || n)::uuid AS id, n,
        c.at + n * interval '90 days' AS at
    FROM customers AS c CROSS JOIN generate_series(0, 2) AS n
),
told (at, stream_id, version, customer_id, kind, topic, payload) AS (
    SELECT at, id, 1, id, 'Customer', 'Customer.Registered', jsonb_build_object(
        'name', '第' || i || '机电设备有限公司', 'number', 'KH-2017-' || lpad(i::text, 6, '0'),
        'industry', 'manufacturing', 'source', 'referral', 'region', '华东',
        'owner_id', %(actor)s::uuid, 'notes', repeat('老客户介绍，', 5))
    FROM customers
    UNION ALL
    SELECT at, md5('contact' || i)::uuid, 1, id, 'Contact', 'Contact.Added', jsonb_build_object(
        'customer_id', id, 'name', '王芳', 'phone', '+8613812345678', 'primary', true)
    FROM customers
    UNION ALL
    SELECT c.at + n * (CASE WHEN is_busy THEN interval '4 days' ELSE interval '80 days' END), c.id, 1 + n,
        c.id, 'Customer', 'Customer.InteractionRecorded', jsonb_build_object(
        'interaction_id', md5('interaction' || c.i || '/' || n)::uuid,
        'channel', (ARRAY['call', 'visit', 'email', 'meeting'])[1 + n %% 4],
        'subject', '第' || n || '次沟通', 'content', repeat('谈了交期与价格。', 8))
    FROM customers AS c CROSS JOIN LATERAL generate_series(1, CASE WHEN is_busy THEN 200 ELSE 10 END) AS n
    UNION ALL
    SELECT at, id, 1, customer_id, 'Opportunity', 'Opportunity.Opened', jsonb_build_object(
        'title', '第' || n || '期设备', 'customer_id', customer_id, 'stage', 'lead',
        'amount', jsonb_build_object('amount', (1000 * (n + 1))::text, 'currency', 'CNY'),
        'owner_id', %(actor)s::uuid)
    FROM opportunities
    UNION ALL
    SELECT at + v * interval '9 days', id, v, customer_id, 'Opportunity',
        (ARRAY['Opportunity.Advanced', 'Opportunity.AmountChanged', 'Opportunity.Rescheduled'])[1 + v %% 3],
        (ARRAY[
            jsonb_build_object('stage', (ARRAY['first_contact', 'proposal', 'negotiating'])[1 + v / 3 %% 3]),
            jsonb_build_object('amount', jsonb_build_object('amount', (1000 * v)::text, 'currency', 'CNY')),
            jsonb_build_object('expected_close_on', (at + interval '200 days')::date)])[1 + v %% 3]
    FROM opportunities CROSS JOIN generate_series(2, 9) AS v
    UNION ALL
    SELECT c.at + (200 + v) * interval '1 day', md5('ticket' || c.i)::uuid, v, c.id, 'Ticket',
        CASE v WHEN 1 THEN 'Ticket.Opened' WHEN 2 THEN 'Ticket.Started' WHEN 8 THEN 'Ticket.Completed'
            ELSE 'Ticket.Commented' END,
        CASE v WHEN 1 THEN jsonb_build_object('subject', '发货问题', 'customer_id', c.id,
                'kind', 'complaint', 'priority', 'urgent')
            WHEN 2 THEN '{}' WHEN 8 THEN jsonb_build_object('solution', '补发')
            ELSE jsonb_build_object('text', repeat('仓库已核对。', 4)) END
    FROM customers AS c CROSS JOIN generate_series(1, 8) AS v
    UNION ALL
    SELECT c.at + (300 + v) * interval '1 day', md5('task' || c.i)::uuid, v, c.id, 'Task',
        CASE v WHEN 1 THEN 'Task.Planned' WHEN 2 THEN 'Task.Rescheduled' ELSE 'Task.Completed' END,
        CASE v WHEN 1 THEN jsonb_build_object('subject', '回访', 'due_at', c.at + interval '301 days',
                'about', c.id, 'customer_id', c.id, 'owner_id', %(actor)s::uuid)
            WHEN 2 THEN jsonb_build_object('due_at', c.at + interval '305 days') ELSE '{}' END
    FROM customers AS c CROSS JOIN generate_series(1, 3) AS v
)
INSERT INTO backstory.events
    (position, recorded_at, occurred_at, stream_id, version, schema_version, command_id, actor,
     correlation_id, customer_id, kind, topic, origin, leaf, payload)
SELECT %(after)s::bigint + row_number() OVER (ORDER BY at, stream_id, version), at, at, stream_id, version, 1,
    gen_random_uuid(), %(actor)s::uuid, gen_random_uuid(), customer_id, kind, topic, 'import',
    '\x00'::bytea, convert_to(payload::text, 'UTF8')
FROM told
