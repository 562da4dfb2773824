"""The reference for commands over HTTP: a sync route that commits one INSERT per request."""

import sys
from uuid import UUID, uuid4

import uvicorn
from fastapi import FastAPI
from psycopg_pool import ConnectionPool
from pydantic import BaseModel

TABLE = """CREATE TABLE IF NOT EXISTS opportunity (
    id uuid PRIMARY KEY, title text NOT NULL, customer_id uuid NOT NULL, amount numeric NOT NULL,
    currency text NOT NULL, strengths text)"""
INSERT = "INSERT INTO opportunity VALUES (%s, %s, %s, %s, %s, %s)"


class Amount(BaseModel):
    amount: str
    currency: str


class Opportunity(BaseModel):
    title: str
    customer_id: UUID
    amount: Amount
    strengths: str


def create_app(url: str) -> FastAPI:
    """The route, with a pool of as many connections as FastAPI has threads."""
    pool = ConnectionPool(url, min_size=40, max_size=40, open=True)
    with pool.connection() as connection:
        connection.execute(TABLE)
    app = FastAPI()

    @app.post("/opportunities", status_code=201)
    def open_opportunity(asked: Opportunity) -> dict[str, str]:
        id = uuid4()
        values = (asked.title, asked.customer_id, asked.amount.amount, asked.amount.currency)
        with pool.connection() as connection:
            connection.execute(INSERT, (id, *values, asked.strengths))
        return {"id": str(id)}

    return app


if __name__ == "__main__":
    uvicorn.run(create_app(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
