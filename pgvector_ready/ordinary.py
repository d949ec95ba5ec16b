"""Words that every server, driver or platform uses: a password that is such a word is no secret in their sentences."""

# The words that PostgreSQL, libpq, OpenSSL, PgBouncer and the C library use in many of their messages, and those of our
# own sentences and of the names that people give by habit. A word that is missing costs little: where a server says
# it, and it is somebody's password, it is taken out.
_WORDS = """\
abbreviation abort aborting about abstract accept accepted accepting accepts access accessible accessing acl action
actions active activity actual add added address addresses admin administrator advertise advisory after again age
aggregate aggregates ahead aiven alembic alert algorithm alike all allocate allow allowed allows alone along already
also alter amazon amazonaws amount amp analyze and anode another answer answered answers any apart api app appear
appears application applied apply archive are argument arguments around array arrays aside ask asked asks assign
assignment associated asyncpg attach attached attempt attempted attempting attribute auth authentication authorised
authority automatic automatically autovacuum available avoid avoided azure back backend background backup bad base
basic bearer became because been before begin behavior behind being belong belonging belongs below beside between
big binary bind binding bit blank blanks block blocks body bogus boolean bootstrap both bound brackets branch break
brin bring brings broken brought btree buffer buffers build bundle busy but byte bytes cache call callback called
calls can cancel canceled canceling cannot cardinality carriage carried case cast catalog catalogue cause caused
cert certificate change changed changeme changes channel char character characters check checkpoint checksum child
chunk cipher ciphers class clause clauses cleaning cleanup clear client close closed cloud cloudsql
cloudsqlsuperuser cluster code collation collations colons column columns com comes command commands commit
committed communication comparison compatible compiled complete completed compose composite compression compute
concurrent concurrently condition conditions conf config configuration configured conflict conflicting conflicts
connect connected connecting connection connections consider consistent console constraint constraints contain
container containing contains context continue control conversion convert cookie copy correct correction corrupt
corrupted cost could count cpu crash create created creating creation cross crosses crt csi csv cte ctid current
currently cursor custom cut cxt cycle dane dashboard data database databases date datetime datname datum dead
deadlock debug declare declared decoding default deferrable define defined definition delay delete deleted deletes
demo denied dependency deploy deployment deploys description descriptor desired destination detach detail detected
determine dev develop development device dictionary did died difference different digest dimensional dimensions
direct directly directory disable disabled disk distance distinct dns docker does doesn domain done down download
draining driver drop dropped drops due duplicate duration during dynamic each early either elapsed element elements
else elsewhere embedding embeddings empty enable enabled enables enabling encode encoded encodes encoding encrypted
encryption encrypts end ended endpoint ends enough entries entry enum environment eof equal error escape estimate
event every everything exactly example exceeded exceeds except exception exchange exchanged exclusion exec execute
executed execution exist existing exists exit expected expects expired explicit explicitly export expression
expressions extended extension extensions external extra fact facts fail failed failover fails failure false family
fastapi fatal fell fetch few fewer field file files fill filter final find fine finished fired firewall first flag
flags flush folder following font for forbidden force foreign fork form format formatting forward found fraction
frame free freeze from frozen fsync full function functions gateway gave generate generated generation get gin gist
give given global gone google got grant greater greeting group grouping groups gss gssapi guess guest halted hand
handle handler handshake has hash hashtable have hba head header headers heads health healthy heap held hello here
heroku high hint history holds host hosts hot html http https hypothetical icu ident identifier identifiers identify
identity idle ids ignored illegal image immediate immutable implemented import improper inappropriate inbound
include incompatible incomplete inconsistent incorrect increase index indexes inet info information inherit
inheritance inherited init initial initialize initialized inner input insert inserted inserts inside insists install
installed instance instances instead insufficient integer internal interrupted intersect interval into invalid
invented ioctl issued item items its itself january jit join json jsonb jsonpath junk keeps key keys keyword kill
kind know knows kubernetes label lacks language large last lasts launcher ldap leading leaf leak least leave left
len length less let letmein lets level levels lib libpq libraries library like limit line link links list listens
lists literal live load loading local locale localhost location lock locked locks locktype log logged logging
logical login logs long longer look lookup lower lsn machine made magic main major make malformed manager many map
mapping marked mask master match matched matches matching materialized max maximum may mean means meant medium
member members memory mend mended merge message messages met method middle might migrate migration migrations
minimum mismatch missing mode modified modifier modifying module monday more most move multi multibyte multihop
multiple multirange multixact multixactid must name named names namespace naming nan need needed needs negative
negotiation neither neon nested net network networking networks new newer newest newline next nil nobody node non
nonce none nonsense nor not nothing notice notify now nowhere null nulls number numbers numeric numerical object
objects ocsp off offers offset oid oids old older oldest once one online only open operand operating operation
operations operator operators opfamily option options order ordered ordering ordinary origin other our ours out
outbound outer output outside over overflow overloaded own owned owner owns package packet packets page pages pairs
pam panic parallel parameter parameters parent parse parser parsing part partial partition partitioned partitioning
partitions parts pass passed passwd password past paste patch path paused peer pem pending per percent perform
permanent permission permissions permitted pgbouncer pgcat pgoptions pgvector phase phrase pid pidfile piece pinned
pipe pipeline pivot pki pkt placeholder placeholders plain plan planned planner plans platform plugin point pointer
points policy pool pooler port portal ports position possible post postgres postgreserror postgresql postmaster
pqcancel preceding precision predicate prefer prefix prepare prepared prevent previous primary printable prior
private privilege privileges probably probe procedure process processes processing prod production progress project
proof protocol provide provided provider provisioning proxy pseudo psk psql psycopg public publication publicly
publisher put python queries query queue quota quote quoted quotes radius railway raise random range rather rds
reach reached read reading ready real reason receive received recent recheck recognized record recoverable
recovering recovery recursive redirect redo refer reference referenced references refresh refused refuses region
register registered regular reindex rejected rel relation relations remote remove removed removing rename renamed
render repeatable repeats replace replaced replica replication report repository req request requested require
required requires reserved reset resolve resource resources response restart restarted restarting restarts restore
restricted result return returned returning revision revoked rewrite rfs right rlwy role roll root route routine row
rows rule rules run running runtime safe said same sample sasl say says scalar scan scans schema schemas scram
search secret section security see seek segment segments select selected self semaphores send sending sent sentence
sentences separate separates sequence server servers service services session sessions set sets setting settings
setup severed severity shall share shared shell short should show shows shutdown shutting sibling side sign signal
signature signed silent single size skipped skipping slot slots small snapshot socket sockets software some
something sort source space special specific specification specified specifies specify spelling spgist spi splice
split splitting spoiling sql sqlalchemy square srmount srtp ssl sslcert sslkey sslmode sslpassword sslrootcert stack
stage staging stale stand standard standby stands starlette start started starting startup stat state statement
statements statistics stats status stayed stderr step still stop stopping storage stored strategy stream streaming
streams string strings structure subplan subquery subscript subscription subtransaction subtype succeeded such
supabase supavisor superuser supplied support supported supports sure switch switched symbolic sync synchronization
synchronized synchronous syntax system table tables tablesample tablespace take taken takes taking tape target
targetlist tcp temp template templates temporarily temporary term terminating test testing tests text than that the
them themselves then there thesaurus they thing this through tid time timed timeline timeout timer times timestamp
tiny tls tlsa toast together token told too took tool torn total traceback traces transaction transactions transform
transition transport tree tries trigger triggers true truncate trusted truststore try trying tsquery tsvector tuple
tuples tuplestore turns twice two type typed types typing unable unauthorized unavailable undefined under unencoded
unexpected unexpectedly unforeseen unhealthy unicode union unique unix unknown unlogged unreachable unreadable
unready unrecognized unsafe unsupported unterminated until updatable update updated updates updating upgrade upper
uptime uri url usable usage use used usename user users uses using utf uvicorn vacuum vacuumed vacuuming valid value
values var variable variables variadic vector vectors verb vercel verification verify verifying version versions
very via view views violates volatile wait waiting wake wal wants warn warning was way web weight welcome went were
what when where whether which while who whole whose why wide will window with within without word words work worker
workers workspace would wraparound wrapper write writer writes written wrong xenix xid xlog xmin xml yes yet you
your zero zone
"""
ORDINARY = frozenset(_WORDS.split())
