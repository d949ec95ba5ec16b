"""The SQL of the probe, written so that no name in it can mean anything but PostgreSQL's own."""

from pgvector_ready.observation.sql import qualified
from pgvector_ready.observation.trust import TRUSTED

# Every fact in one row. pgvector's own type, its operators and the functions behind them are those in the extension's
# schema; beside each stands what its bare name means for this role, by the search path: an operator of exactly these
# two types is taken before any other, and of several the first on the path. `{system_identifier}` is one of the two
# below, `{version_table}` the oid of Alembic's table.
FACTS = qualified(f"""\
WITH RECURSIVE {TRUSTED}, pgvector AS (
    SELECT e.extversion, e.extnamespace, t.oid AS type, t.typinput,
           pg_catalog.to_regtype('vector')::pg_catalog.oid AS found_type
    FROM pg_catalog.pg_extension AS e
    LEFT JOIN pg_catalog.pg_type AS t ON t.typname = 'vector' AND t.typnamespace = e.extnamespace
    WHERE e.extname = 'vector'
), operators AS (
    SELECT o.oid, o.oprcode,
           CASE WHEN found_type = type  -- until PostgreSQL 15 an unknown type is an error here
                THEN pg_catalog.to_regoperator(o.oprname::pg_catalog.text || '(vector,vector)')::pg_catalog.oid
           END AS found
    FROM pgvector JOIN pg_catalog.pg_operator AS o ON o.oprname = ANY ('{{{{<->,<#>,<=>,<+>}}}}'::pg_catalog.name[])
     AND o.oprleft = type AND o.oprright = type AND o.oprnamespace = extnamespace
)
SELECT pg_catalog.json_build_object(
    'version', pg_catalog.current_setting('server_version'),
    'is_standby', pg_catalog.pg_is_in_recovery(),
    'is_read_only', pg_catalog.current_setting('transaction_read_only')::pg_catalog.bool,
    'database', pg_catalog.current_database(),
    'database_oid', (SELECT oid FROM database),
    'user', current_user,
    'may_create_temporary_tables', pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMPORARY'),
    'system_identifier', {{system_identifier}},
    -- by name, since the column is there from PostgreSQL 15 on
    'collation_version', (SELECT pg_catalog.json_extract_path_text(pg_catalog.row_to_json(d), 'datcollversion')
                          FROM pg_catalog.pg_database AS d WHERE oid = (SELECT oid FROM database)),
    'is_musl', pg_catalog.strpos(pg_catalog.version(), 'musl') <> 0,
    'is_32_bit', pg_catalog.strpos(pg_catalog.version(), '32-bit') <> 0,
    'available_version', (SELECT default_version FROM pg_catalog.pg_available_extensions WHERE name = 'vector'),
    'extension', (SELECT pg_catalog.json_build_object(
        'version', extversion,
        'schema', (SELECT nspname FROM pg_catalog.pg_namespace WHERE oid = extnamespace),
        'quoted_schema', extnamespace::pg_catalog.regnamespace,
        'type', type,
        'found_type', found_type,
        'operators', (SELECT pg_catalog.json_agg(pg_catalog.json_build_object('own', oid, 'found', found))
                      FROM operators),
        'functions', (SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
                          'kind', 'function',
                          'name', (pg_catalog.pg_identify_object(
                                      'pg_catalog.pg_proc'::pg_catalog.regclass, oid, 0)).identity,
                          'owner', pg_catalog.pg_get_userbyid(proowner),
                          'is_c', prolang = 13, 'library', probin,  -- 13: pg_language.dat
                          'is_trusted', proowner = ANY (SELECT oid FROM trusted)))
                      FROM pg_catalog.pg_proc
                      WHERE oid = ANY (ARRAY(SELECT oprcode FROM operators UNION ALL
                                             SELECT typinput FROM pgvector)::pg_catalog.oid[]))) FROM pgvector),
    'version_table', (SELECT pg_catalog.json_build_object(
        'schema', nspname,
        'name', pg_catalog.quote_ident(nspname) || '.' || pg_catalog.quote_ident(relname),
        'kind', relkind,
        'owner', pg_catalog.pg_get_userbyid(relowner),
        'schema_owner', pg_catalog.pg_get_userbyid(nspowner),
        'is_owner_trusted', relowner = ANY (SELECT oid FROM trusted),
        'is_schema_trusted', nspowner = ANY (SELECT oid FROM trusted),
        'is_inherited', relhassubclass OR relispartition,
        'has_rules', relhasrules,
        'has_triggers', relhastriggers,
        'column_type', (SELECT atttypid::pg_catalog.int8 FROM pg_catalog.pg_attribute
                        WHERE attrelid = c.oid AND attname = 'version_num' AND NOT attisdropped),
        'is_readable', pg_catalog.has_schema_privilege(relnamespace, 'USAGE')
                       AND pg_catalog.has_table_privilege(c.oid, 'SELECT'),
        'is_filtered', pg_catalog.row_security_active(c.oid))
        FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.oid = {{version_table}})
)""")  # noqa: S608 - of constants
# Open to every role by default; some providers keep it to themselves.
SYSTEM_IDENTIFIER = "(SELECT system_identifier::pg_catalog.text FROM pg_catalog.pg_control_system())"
NO_SYSTEM_IDENTIFIER = "NULL"
# A distance with a known answer, the root of 8. Loading the library is part of the proof. Nothing fits better than an
# operator of exactly these types, so what was asked of the catalogue is what runs. A numeric is written whole, whatever
# extra_float_digits says.
PROOF = """\
{given}SELECT ('[1,2,3]'::{schema}.vector OPERATOR({schema}.<->) '[3,2,1]'::{schema}.vector)
           ::pg_catalog.float8::pg_catalog.numeric,
       {revisions},
       {part},
       {library}"""
PROVEN_DISTANCE = 8**0.5
# In the session that has just loaded it. The number of the extension says nothing of the library: since pgvector 0.8.0
# the scripts that upgrade it are empty.
LIBRARY = qualified("""\
(SELECT pg_catalog.min(version) FROM pg_catalog.pg_get_loaded_modules() WHERE module_name = 'vector')""")
NO_LIBRARY = "NULL"
LIBRARY_SINCE = 18
NO_REVISIONS = {"given": "", "revisions": "NULL", "part": "NULL"}
# Bounded, since what stands in the table is anybody's who may write it: an identifier of Alembic's has 12 characters,
# and its column 32. A table of trusted owners, in a column of text: reading it runs nothing.
REVISIONS = """\
(SELECT pg_catalog.json_agg(pg_catalog.left(version_num::pg_catalog.text, 128))
        FROM (SELECT version_num FROM ONLY {table} LIMIT 32) AS bounded)"""

# What it is that is found, and whose. A type that a table brings along is told as the table.
DESCRIPTION = qualified("""\
SELECT pg_catalog.json_build_object('kind', i.type, 'name', i.identity, 'owner', pg_catalog.pg_get_userbyid(o.owner))
FROM (
    SELECT CASE WHEN typrelid = 0 THEN 'pg_catalog.pg_type'::pg_catalog.regclass
                ELSE 'pg_catalog.pg_class'::pg_catalog.regclass END AS classid,
           CASE WHEN typrelid = 0 THEN oid ELSE typrelid END AS objid, typowner AS owner
    FROM pg_catalog.pg_type WHERE oid = {type}
    UNION ALL
    SELECT 'pg_catalog.pg_operator'::pg_catalog.regclass, oid, oprowner FROM pg_catalog.pg_operator
    WHERE oid = {operator}
) AS o CROSS JOIN LATERAL pg_catalog.pg_identify_object(o.classid, o.objid, 0) AS i""")

# Without it nearly all of several sessions at once fail with 23505. A lock of the transaction: one of the session would
# stay behind in a pooler. The key is "pgvecrdy" in ASCII.
LOCK = "SELECT pg_catalog.pg_advisory_xact_lock(8099572632681342073)"
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '{milliseconds}ms'"

# The two numbers that a fingerprint is made of, for whatever driver.
IDENTITY = (
    "SELECT system_identifier, d.oid::bigint AS database_oid FROM pg_catalog.pg_control_system(), "
    "pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()"
)

# A server that recovers from a crash throws its statistics away, a clean restart keeps them: so their age, which every
# role may see, is the age of the last recovery. PostgreSQL restarts its processes then, and not itself.
STANDING = """\
SELECT pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-)
                                     pg_catalog.pg_postmaster_start_time()),
       COALESCE(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-)
                                              pg_catalog.pg_stat_get_bgwriter_stat_reset_time()), 'infinity')"""
