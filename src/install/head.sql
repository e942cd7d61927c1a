\echo Use "CREATE EXTENSION avq" to load this file. \quit

-- Names, signatures and volatility are pgvector's, so that its clients and dumps work. Every C
-- function is named avq_*, so that both libraries can be loaded in one server process.

