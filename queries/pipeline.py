"""The pipeline: how many opportunities, worth how much, stand at each stage."""

from uuid import UUID

from queries.base import Answer, Query, Total


class StageTotal(Answer):
    """Opportunities at one stage whose amounts are in one currency, or that have no amount."""

    pipeline: str
    stage: str
    opportunities: int
    amount: Total | None
    """None: these have no amount."""


class PipelineByStage(Query[list[StageTotal]]):
    """How many opportunities, worth how much, stand at each stage; per currency."""

    NAME = "pipeline"
    owner_id: UUID | None = None
    """Only opportunities of this owner."""
    pipeline: str | None = None
    """Only opportunities of this pipeline, by its code."""

    sql = """
        SELECT o.pipeline, o.stage, sum(o.count)::bigint AS opportunities,
            CASE WHEN o.currency IS NOT NULL THEN jsonb_build_object(
                'amount', sum(o.total)::text, 'currency', o.currency) END AS amount
        FROM {totals.opportunities} o
        LEFT JOIN {now.dictionary_entries} s
            ON s.dictionary = 'stage' AND s.pipeline = o.pipeline AND s.code = o.stage
        WHERE (:owner_id IS NULL OR o.owner_id = :owner_id)
            AND (:pipeline IS NULL OR o.pipeline = :pipeline)
        GROUP BY o.pipeline, o.stage, o.currency
        ORDER BY o.pipeline, min(s."order") NULLS LAST, o.stage, o.currency NULLS LAST
    """
