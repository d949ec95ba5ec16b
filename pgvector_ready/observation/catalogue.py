"""The statement that reads every column of vectors and its indexes from the catalogue."""

from pgvector_ready.observation.sql import qualified

COLLATION_SINCE = 15  # the major version that knows COLLATION
COLLATION = qualified("""\
pg_catalog.json_build_object(
        'recorded', (SELECT datcollversion FROM pg_catalog.pg_database WHERE oid = (SELECT oid FROM here)),
        'now', pg_catalog.pg_database_collation_actual_version((SELECT oid FROM here)))""")

# A type is pgvector's where the extension has brought it; an access method that is not PostgreSQL's own is pgvector's
# or another extension's. A build is known by the lock that it holds on its table; VACUUM and ANALYZE hold it too, and
# PostgreSQL shows everybody whose they are. `{schemas}`, `{tables}` and `{columns}` are what the models name. The
# answer comes in rows, since what a server may send at once is bounded (`database.framing`).
INVENTORY = qualified("""\
WITH here AS (
    SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
), pgvector AS (
    SELECT oid, extnamespace FROM pg_catalog.pg_extension WHERE extname = 'vector'
), types AS (
    SELECT t.oid, t.typname FROM pgvector AS e
    JOIN pg_catalog.pg_depend AS d ON d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
     AND d.refobjid = e.oid AND d.deptype = 'e' AND d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
    JOIN pg_catalog.pg_type AS t ON t.oid = d.objid
    WHERE t.typname = ANY ('{{vector,halfvec,sparsevec}}'::pg_catalog.name[])
), methods AS (
    SELECT oid, amname FROM pg_catalog.pg_am
    WHERE amtype = 'i' AND NOT amname = ANY ('{{btree,hash,gist,gin,brin,spgist}}'::pg_catalog.name[])
), approximate AS (
    SELECT i.*, m.amname, c.relname, c.relkind, c.relpages, c.relnamespace, c.reloptions,
           i.indkey[0] AS attnum
    FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
    JOIN methods AS m ON m.oid = c.relam
    WHERE c.relpersistence <> 't'
), attributes AS (
    SELECT a.attrelid, a.attnum, a.attname, b.type, b.typmod,
           COALESCE((SELECT typname FROM types WHERE oid = b.type), 'bit') AS typname
    FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
    CROSS JOIN LATERAL (SELECT CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END AS type,
                               CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END AS typmod) AS b
    WHERE a.attnum > 0 AND NOT a.attisdropped
      AND (b.type = ANY (SELECT oid FROM types)
           OR (b.type = 'pg_catalog.bit'::pg_catalog.regtype
               AND a.attrelid = ANY (SELECT indrelid FROM approximate)
               AND EXISTS (SELECT FROM approximate AS i WHERE i.indrelid = a.attrelid AND i.attnum = a.attnum)))
), columns AS (
    SELECT a.attrelid, a.attnum, a.attname, a.typname, a.typmod, c.relkind, c.reltuples, c.relname, n.nspname,
           COALESCE(pg_catalog.pg_partition_root(c.oid)::pg_catalog.oid, c.oid) AS root,
           COALESCE(pg_catalog.has_schema_privilege(n.oid, 'USAGE')  -- NULL of what was dropped meanwhile
                    AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT'), false) AS is_readable
    FROM attributes AS a JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind = ANY ('{{r,p,m}}'::pg_catalog."char"[]) AND c.relpersistence <> 't'
    ORDER BY c.relkind = 'p' DESC, c.reltuples DESC LIMIT {most_columns}
), indexes AS (
    SELECT a.*, COALESCE((SELECT pg_catalog.min(d.refobjsubid) FROM pg_catalog.pg_depend AS d
                          JOIN attributes AS v ON v.attrelid = a.indrelid AND v.attnum = d.refobjsubid
                          WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = a.indexrelid
                            AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
                            AND d.refobjid = a.indrelid), a.attnum::pg_catalog.int4) AS searched
    FROM approximate AS a WHERE a.indrelid = ANY (SELECT attrelid FROM columns)
    ORDER BY a.indisvalid, a.relpages DESC LIMIT {most_indexes}
), vacuums(pid) AS (
    SELECT pid FROM pg_catalog.pg_stat_progress_vacuum
    UNION ALL SELECT pid FROM pg_catalog.pg_stat_progress_analyze
), locked AS (
    SELECT DISTINCT relation FROM pg_catalog.pg_locks
    WHERE locktype = 'relation' AND database = (SELECT oid FROM here)
      AND mode = ANY ('{{ShareUpdateExclusiveLock,ShareLock,AccessExclusiveLock}}'::pg_catalog.text[])
      AND NOT pid = ANY (SELECT pid FROM vacuums)
)
SELECT 'database', pg_catalog.json_build_object(
    'schema', (SELECT extnamespace::pg_catalog.regnamespace FROM pgvector),
    'has_halfvec', EXISTS (SELECT FROM types WHERE typname = 'halfvec'),
    'is_standby', pg_catalog.pg_is_in_recovery(),
    'block_size', pg_catalog.current_setting('block_size'),
    'total', (SELECT pg_catalog.count(*) FROM attributes),
    'collation', {collation})
UNION ALL
SELECT 'locked', pg_catalog.json_build_object('relation', relation::pg_catalog.text)
FROM locked WHERE relation = ANY (SELECT attrelid FROM columns)
UNION ALL
SELECT 'column', pg_catalog.json_build_object(
    'relation', attrelid::pg_catalog.text, 'root', root::pg_catalog.text,
    'table', pg_catalog.quote_ident(nspname) || '.' || pg_catalog.quote_ident(relname),
    'name', pg_catalog.quote_ident(attname), 'type', typname, 'typmod', typmod, 'kind', relkind,
    'rows', reltuples, 'is_readable', is_readable,
    'null_share', (SELECT null_frac FROM pg_catalog.pg_stats AS s WHERE is_readable AND s.schemaname = c.nspname
                   AND s.tablename = c.relname AND s.attname = c.attname AND NOT s.inherited))
FROM columns AS c
UNION ALL
SELECT 'index', pg_catalog.json_build_object(
    'relation', i.indexrelid::pg_catalog.text, 'on', i.indrelid::pg_catalog.text,
    'name', pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(i.relname),
    'table', pg_catalog.quote_ident(tn.nspname) || '.' || pg_catalog.quote_ident(t.relname),
    'column', (SELECT pg_catalog.quote_ident(attname) FROM attributes
               WHERE attrelid = i.indrelid AND attnum = i.searched),
    'method', i.amname, 'kind', i.relkind, 'pages', i.relpages,
    'is_valid', i.indisvalid AND i.indisready AND i.indislive,
    'operator_class', (SELECT opcname FROM pg_catalog.pg_opclass WHERE oid = i.indclass[0]),
    'key', pg_catalog.left(pg_catalog.pg_get_indexdef(i.indexrelid, 1, false), 500),
    'condition', pg_catalog.left(pg_catalog.pg_get_expr(i.indpred, i.indrelid), 500),
    'bare_name', i.relname,
    'options', pg_catalog.left(pg_catalog.array_to_string(i.reloptions, ', '), 500),
    'parent', (SELECT inhparent::pg_catalog.text FROM pg_catalog.pg_inherits WHERE inhrelid = i.indexrelid),
    'is_leftover', i.relname::pg_catalog.text ~ '_cc(new|old)[0-9]*$',
    'progress', (SELECT pg_catalog.json_build_array(p.blocks_done, p.blocks_total, p.tuples_done, p.tuples_total)
                 FROM pg_catalog.pg_stat_progress_create_index AS p WHERE p.index_relid = i.indexrelid LIMIT 1))
FROM indexes AS i
JOIN pg_catalog.pg_namespace AS n ON n.oid = i.relnamespace
JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.relnamespace
UNION ALL
SELECT 'partition', pg_catalog.json_build_object(
    'relation', c.oid::pg_catalog.text, 'of', i.indexrelid::pg_catalog.text, 'kind', c.relkind,
    'schema', pg_catalog.quote_ident(n.nspname),
    'table', pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname))
FROM (SELECT indexrelid, inhrelid FROM indexes JOIN pg_catalog.pg_inherits ON inhparent = indrelid
      WHERE relkind = 'I' AND NOT indisvalid LIMIT {most_columns}) AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
UNION ALL
SELECT 'wanted', pg_catalog.json_build_object(
    'schema', w.schema, 'name', w.name,
    'table', pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname),
    'column', a.attname, 'quoted', pg_catalog.quote_ident(w.column),
    'typmod', a.atttypmod,
    'type', COALESCE((SELECT typname::pg_catalog.text FROM types WHERE oid = a.atttypid),
                     pg_catalog.format_type(a.atttypid, NULL)))
FROM ROWS FROM (pg_catalog.unnest({schemas}), pg_catalog.unnest({tables}), pg_catalog.unnest({columns}))
    AS w(schema, name, "column")
JOIN pg_catalog.pg_class AS c ON c.relname = w.name
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attname = w.column AND NOT a.attisdropped
WHERE c.relkind = ANY ('{{r,p,m,v,f}}'::pg_catalog."char"[])
  AND CASE WHEN w.schema IS NULL THEN pg_catalog.pg_table_is_visible(c.oid) ELSE n.nspname = w.schema END""")
