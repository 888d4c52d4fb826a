-- The few who may have no work are looked for among those with wrong claims.
CREATE INDEX volunteers_by_rejected ON volunteers (rejected) WHERE rejected >= 3;
