-- What CREATE EXTENSION makes: everything is commented, functions are marked for the planner, and
-- the extension can be moved.

SELECT pg_describe_object(classid, objid, objsubid) AS without_comment
  FROM pg_depend d
  WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
    AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'avq')
    AND obj_description(objid, classid::regclass::name) IS NULL
    -- array and row types go with their element type and relation
    AND NOT (classid = 'pg_type'::regclass AND EXISTS (
      SELECT FROM pg_type t LEFT JOIN pg_class c ON c.oid = typrelid
      WHERE t.oid = objid AND (typcategory = 'A' OR relkind <> 'c')))
  ORDER BY 1;

-- every function on vectors is immutable, strict and parallel safe
SELECT p.oid::regprocedure AS not_marked
  FROM pg_proc p
  WHERE prokind = 'f' AND prolang = (SELECT oid FROM pg_language WHERE lanname = 'c')
    AND (proargtypes::oid[] && '{vector,halfvec,sparsevec,bit}'::regtype[]::oid[]
      OR prorettype = ANY ('{vector,halfvec,sparsevec}'::regtype[]) OR proname ~ '^(vector|halfvec|sparsevec)_')
    AND pronamespace <> 'pg_catalog'::regnamespace
    AND NOT (provolatile = 'i' AND proisstrict AND proparallel = 's')
  ORDER BY 1;

SELECT castsource::regtype, casttarget::regtype, castcontext FROM pg_cast
  WHERE '{vector,halfvec,sparsevec}'::regtype[]::oid[] && ARRAY[castsource, casttarget] ORDER BY castsource::regtype::text, casttarget::regtype::text;
SELECT oprleft::regtype AS type, oprname, oprcanhash, oprcanmerge, oprcom::regoper IS NOT NULL AND oprcom <> 0 AS commutes,
  oprrest, oprjoin
  FROM pg_operator JOIN pg_depend ON classid = 'pg_operator'::regclass AND objid = pg_operator.oid AND deptype = 'e'
  ORDER BY oprleft::regtype::text, oprname COLLATE "C";

-- in a schema that is not in the search path
BEGIN;
CREATE SCHEMA avq_elsewhere;
ALTER EXTENSION avq SET SCHEMA avq_elsewhere;
SELECT '[1,2]'::avq_elsewhere.vector OPERATOR(avq_elsewhere.<#>) '[3,4]';
SELECT avq_elsewhere.avg(v) FROM unnest('{"[1,2]","[3,4]"}'::avq_elsewhere.vector[]) v;
ROLLBACK;
