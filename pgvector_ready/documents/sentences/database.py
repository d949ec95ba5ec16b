"""Sentences about the database that was reached: which it is, whether it takes writes, pgvector, the schema."""

from pgvector_ready.documents.sentences.text import Sentences, Table, Text
from pgvector_ready.judgement.failures import Code

_CRASHED = Text(
    "The session was lost at a statement of pgvector's, and the server on {host} port {port} went through crash recovery.",
    "pgvector の文で接続が失われ、{host} のポート {port} のサーバーがクラッシュから復旧しました。",
)
_ANOTHER_PROCESSOR = Text(
    "pgvector's library was built for another processor, or is damaged; the server's log names the signal (4: an "
    "instruction that this processor has not got; 9: no memory left). Use an image whose pgvector runs on every "
    'processor, such as {image}, or build it with make OPTFLAGS="". The service asks again at most three times '
    "in an hour; to ask at once: pgvector-ready check.",
    "pgvector のライブラリが別のプロセッサー向けに作られたか、壊れています。シグナルの番号はサーバーのログにあります"
    "(4: このプロセッサーにない命令、9: メモリー不足)。どのプロセッサーでも動く pgvector のイメージ(たとえば {image})を使うか、"
    'make OPTFLAGS="" でビルドし直してください。サービスが試すのは 1 時間に 3 回までです。すぐに試すには: pgvector-ready check',
    otherwise=Text(
        "pgvector's library was built for another processor, or is damaged; the server's log names the signal (4: an "
        "instruction that this processor has not got; 9: no memory left). Use an image whose pgvector runs on every "
        'processor, or build it with make OPTFLAGS="". The service asks again at most three times in an hour; to ask at '
        "once: pgvector-ready check.",
        "pgvector のライブラリが別のプロセッサー向けに作られたか、壊れています。シグナルの番号はサーバーのログにあります"
        "(4: このプロセッサーにない命令、9: メモリー不足)。どのプロセッサーでも動く pgvector のイメージを使うか、"
        'make OPTFLAGS="" でビルドし直してください。サービスが試すのは 1 時間に 3 回までです。すぐに試すには: pgvector-ready check',
    ),
)

DATABASE: Table = {
    (Code.WRONG_TARGET, ""): Sentences(
        Text(
            "Another database was reached than the one expected: {differences:;}.",
            "意図したものとは別のデータベースに接続しています: {differences:;}。",
        ),
        Text(
            "Point DATABASE_URL at the expected database, or, if the new one is meant, change the EXPECTED_DATABASE_* "
            "variables.",
            "DATABASE_URL を意図したデータベースに向けてください。新しいほうが正しければ、EXPECTED_DATABASE_* の変数を"
            "変更してください。",
        ),
    ),
    (Code.STANDBY, ""): Sentences(
        Text(
            "The server on {host} port {port} is a standby and accepts no writes.",
            "{host} のポート {port} のサーバーはスタンバイで、書き込みを受け付けません。",
        ),
        Text(
            "Point DATABASE_URL at the primary, name both hosts with target_session_attrs=read-write, "
            "or set REQUIRE_WRITABLE=false if only reading is meant.",
            "DATABASE_URL をプライマリに向けるか、両方のホストを target_session_attrs=read-write とともに書いてください。"
            "読み取りだけでよければ REQUIRE_WRITABLE=false を設定します。",
        ),
    ),
    (Code.READ_ONLY, ""): Sentences(
        Text(
            "The database is a primary and its transactions are read-only.",
            "データベースはプライマリですが、トランザクションが読み取り専用になっています。",
        ),
        Text(
            "Look at the disk in the provider's console first: some switch this on when it is full. Else, as the "
            "database's owner, in one session: SET default_transaction_read_only = off; "
            "ALTER DATABASE {database_identifier} RESET default_transaction_read_only; "
            "ALTER ROLE {user_identifier} RESET default_transaction_read_only; "
            "ALTER ROLE {user_identifier} IN DATABASE {database_identifier} RESET default_transaction_read_only; "
            "Where it is in none of them, it stands in DATABASE_URL, in PGOPTIONS or on the server.",
            "まずプロバイダーのコンソールでディスクの空きを確かめてください。いっぱいになると自動的に読み取り専用にするプロバイダーが"
            "あります。そうでなければ、データベースの所有者として、一つのセッションで: "
            "SET default_transaction_read_only = off; "
            "ALTER DATABASE {database_identifier} RESET default_transaction_read_only; "
            "ALTER ROLE {user_identifier} RESET default_transaction_read_only; "
            "ALTER ROLE {user_identifier} IN DATABASE {database_identifier} RESET default_transaction_read_only; "
            "どこにもなければ、DATABASE_URL、PGOPTIONS、またはサーバーの設定にあります。",
        ),
    ),
    (Code.PGVECTOR_NOT_AVAILABLE, "musl"): Sentences(
        Text(
            "pgvector is not installed on this server: PostgreSQL {server_version} on {host} port {port}, "
            "database {database}.",
            "このサーバーに pgvector がインストールされていません: PostgreSQL {server_version}、{host} のポート {port}、"
            "データベース {database}。",
            otherwise=Text(
                "pgvector is not installed on this server: {host} port {port}, database {database}.",
                "このサーバーに pgvector がインストールされていません: {host} のポート {port}、データベース {database}。",
            ),
        ),
        Text(
            "First make sure that this is the database you mean. Its image is Alpine's, which sorts text otherwise than "
            "{image} does: start that one with a volume of its own, and move the data by pg_dump and pg_restore.",
            "まず、意図したデータベースかどうかを確かめてください。このサーバーは Alpine のイメージで、文字列の並び順が異なります。"
            "{image} を別のボリュームで起動し、pg_dump と pg_restore でデータを移してください。",
            otherwise=Text(
                "First make sure that this is the database you mean. Its image is Alpine's: start one with pgvector on a "
                "volume of its own, and move the data by pg_dump and pg_restore.",
                "まず、意図したデータベースかどうかを確かめてください。このサーバーは Alpine のイメージです。pgvector のある"
                "イメージを別のボリュームで起動し、pg_dump と pg_restore でデータを移してください。",
            ),
        ),
    ),
    (Code.PGVECTOR_NOT_AVAILABLE, ""): Sentences(
        Text(
            "pgvector is not installed on this server: PostgreSQL {server_version} on {host} port {port}, "
            "database {database}.",
            "このサーバーに pgvector がインストールされていません: PostgreSQL {server_version}、{host} のポート {port}、"
            "データベース {database}。",
            otherwise=Text(
                "pgvector is not installed on this server: {host} port {port}, database {database}.",
                "このサーバーに pgvector がインストールされていません: {host} のポート {port}、データベース {database}。",
            ),
        ),
        Text(
            "First make sure that this is the database you mean; then use a server with pgvector, "
            "such as the image {image}, or ask the provider to install it.",
            "まず、意図したデータベースかどうかを確かめてください。そのうえで、イメージ {image} のような pgvector "
            "のあるサーバーを使うか、プロバイダーにインストールを依頼してください。",
            otherwise=Text(
                "First make sure that this is the database you mean; then use a server with pgvector, "
                "or ask the provider to install it.",
                "まず、意図したデータベースかどうかを確かめてください。そのうえで、pgvector のあるサーバーを使うか、"
                "プロバイダーにインストールを依頼してください。",
            ),
        ),
    ),
    (Code.PGVECTOR_NOT_ENABLED, ""): Sentences(
        Text(
            "pgvector {available_version} is on the server and not enabled in database {database}.",
            "pgvector {available_version} がサーバーにありますが、データベース {database} では有効になっていません。",
            otherwise=Text(
                "pgvector is not enabled in database {database}.",
                "データベース {database} では pgvector が有効になっていません。",
            ),
        ),
        Text(
            "Run in this database: CREATE EXTENSION vector; which is what pgvector-ready check --enable does, "
            "and the service at its start with ENABLE_PGVECTOR=true.",
            "このデータベースで実行してください: CREATE EXTENSION vector; pgvector-ready check --enable も、"
            "ENABLE_PGVECTOR=true で起動したサービスも、同じことをします。",
        ),
    ),
    (Code.PGVECTOR_PERMISSION_DENIED, "update"): Sentences(
        Text(
            "User {user} may not update the extension in database {database}: it belongs to another role.",
            "データベース {database} の拡張は別のロールのもので、ユーザー {user} には更新する権限がありません。",
        ),
        Text(
            "As the owner of the extension, or a superuser, in this database: ALTER EXTENSION vector UPDATE;",
            "拡張の所有者かスーパーユーザーとして、このデータベースで実行してください: ALTER EXTENSION vector UPDATE;",
        ),
    ),
    (Code.PGVECTOR_PERMISSION_DENIED, ""): Sentences(
        Text(
            "User {user} may not create the extension in database {database}.",
            "ユーザー {user} には、データベース {database} に拡張を作る権限がありません。",
        ),
        Text(
            "pgvector is not a trusted extension. As a superuser, in this database: CREATE EXTENSION vector;",
            "pgvector は trusted な拡張ではありません。スーパーユーザーとして、このデータベースで実行してください: "
            "CREATE EXTENSION vector;",
        ),
    ),
    (Code.PGVECTOR_TOO_OLD, ""): Sentences(
        Text(
            "pgvector {installed_version} is older than the {minimum_version} asked for.",
            "pgvector {installed_version} は、求められている {minimum_version} より古いバージョンです。",
        ),
        Text(
            "Run in this database, as the owner of the extension: ALTER EXTENSION vector UPDATE; "
            "(the server offers {available_version}) "
            "or set UPDATE_PGVECTOR=true and restart the service.",
            "拡張の所有者として、このデータベースで実行してください: ALTER EXTENSION vector UPDATE; "
            "(サーバーにあるのは {available_version} )。"
            "または UPDATE_PGVECTOR=true を設定して、サービスを再起動してください。",
            otherwise=Text(
                "Use a server whose pgvector is {minimum_version} or newer: this one has no files of it left.",
                "pgvector {minimum_version} 以降のあるサーバーを使ってください。このサーバーには pgvector のファイルがありません。",
            ),
        ),
    ),
    (Code.PGVECTOR_LOCK_TIMEOUT, "migrate"): Sentences(
        Text(
            "Another migration, or a start-up, held the lock for longer than this command waits.",
            "別のマイグレーションまたは起動処理が、このコマンドの待ち時間より長くロックを保持していました。",
        ),
        Text(
            "Run pgvector-ready migrate again when it has ended. Who holds it: SELECT pid, state, query FROM "
            "pg_stat_activity WHERE pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory');",
            "それが終わってから、pgvector-ready migrate をもう一度実行してください。ロックを持っているのは: "
            "SELECT pid, state, query FROM pg_stat_activity "
            "WHERE pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory');",
        ),
    ),
    (Code.PGVECTOR_LOCK_TIMEOUT, ""): Sentences(
        Text(
            "Another session held the lock for enabling pgvector for too long.",
            "pgvector を有効にするためのロックを、別のセッションが長く保持していました。",
        ),
        Text(
            "Wait: the service tries again by itself. Who holds it: SELECT pid, state, query FROM pg_stat_activity "
            "WHERE pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory');",
            "お待ちください。サービスは自動的に再試行します。ロックを持っているのは: "
            "SELECT pid, state, query FROM pg_stat_activity "
            "WHERE pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory');",
        ),
    ),
    (Code.PGVECTOR_UPDATE_AVAILABLE, ""): Sentences(
        Text(
            "pgvector {installed_version} is enabled, and the server offers {available_version}.",
            "有効な pgvector は {installed_version} ですが、サーバーには {available_version} があります。",
        ),
        Text(
            "Run in this database, as the owner of the extension: ALTER EXTENSION vector UPDATE; "
            "or set UPDATE_PGVECTOR=true and restart the service.",
            "拡張の所有者として、このデータベースで実行してください: ALTER EXTENSION vector UPDATE; "
            "または UPDATE_PGVECTOR=true を設定して、サービスを再起動してください。",
        ),
    ),
    (Code.PGVECTOR_DOWNGRADED, ""): Sentences(
        Text(
            "pgvector {installed_version} is enabled, and the server's files are the older {available_version}.",
            "有効な pgvector は {installed_version} ですが、サーバーのファイルはそれより古い {available_version} です。",
        ),
        Text(
            "Bring the server back to an image with pgvector {installed_version} or newer.",
            "サーバーを、pgvector {installed_version} 以降のイメージに戻してください。",
        ),
    ),
    (Code.PGVECTOR_CRASHES_SERVER, ""): Sentences(
        Text(
            "{times} times the session was lost at the statement that {deed}, and the server on {host} port {port} went "
            "through crash recovery, which ends everybody's sessions.",
            "{deed}で {times} 回接続が失われ、そのたびに {host} のポート {port} のサーバーがクラッシュから復旧しました。"
            "復旧のたびに全員の接続が切れます。",
            otherwise=_CRASHED,
        ),
        _ANOTHER_PROCESSOR,
    ),
    (Code.PGVECTOR_CRASHES_SERVER, "once"): Sentences(
        Text(
            "The session was lost at the statement that {deed}, and the server on {host} port {port} went through crash "
            "recovery, which ends everybody's sessions.",
            "{deed}で接続が失われ、{host} のポート {port} のサーバーがクラッシュから復旧しました。復旧すると全員の接続が切れます。",
            otherwise=_CRASHED,
        ),
        _ANOTHER_PROCESSOR,
    ),
    (Code.PGVECTOR_LIBRARY_MISSING, ""): Sentences(
        Text(
            "pgvector {installed_version} is enabled in the catalogue, and its library is gone from the server, or "
            "cannot be loaded.",
            "カタログでは pgvector {installed_version} が有効ですが、そのライブラリがサーバーにないか、読み込めません。",
            otherwise=Text(
                "The server offers pgvector, and its library is gone from the server, or cannot be loaded.",
                "サーバーは pgvector を提供していますが、そのライブラリがサーバーにないか、読み込めません。",
            ),
        ),
        Text(
            "The server's image was exchanged: use one with pgvector for this major version, such as {image}.",
            "サーバーのイメージが入れ替わっています。このメジャーバージョン用の、pgvector のあるイメージを使ってください。"
            "たとえば {image} です。",
            otherwise=Text(
                "The server's image was exchanged: use one with pgvector for this major version.",
                "サーバーのイメージが入れ替わっています。このメジャーバージョン用の、pgvector のあるイメージを使ってください。",
            ),
        ),
    ),
    (Code.PGVECTOR_LIBRARY_MISMATCH, ""): Sentences(
        Text(
            "pgvector's library on the server was built for PostgreSQL {built_for}, and the server is PostgreSQL "
            "{server_version}.",
            "サーバーにある pgvector のライブラリは PostgreSQL {built_for} 用ですが、サーバーは PostgreSQL {server_version} です。",
            otherwise=Text(
                "pgvector's library on the server was built for another version of PostgreSQL.",
                "サーバーにある pgvector のライブラリは、別のバージョンの PostgreSQL 用です。",
            ),
        ),
        Text(
            "Install pgvector for the server's own version, or use an image with it, such as {image}.",
            "サーバーと同じバージョン用の pgvector を入れるか、それを含むイメージ(たとえば {image} )を使ってください。",
            otherwise=Text(
                "Install pgvector for the server's own version, or use an image with it.",
                "サーバーと同じバージョン用の pgvector を入れるか、それを含むイメージを使ってください。",
            ),
        ),
    ),
    (Code.PGVECTOR_LIBRARY_OUTDATED, ""): Sentences(
        Text(
            "pgvector's library on the server lacks a function that its SQL names: the two are of different releases.",
            "サーバーにある pgvector のライブラリに、SQL スクリプトの使う関数がありません。二つのバージョンが異なります。",
        ),
        Text(
            "Restart the server, if pgvector was upgraded while it ran; else install pgvector whole again, the library "
            "and the SQL files of one release.",
            "サーバーの稼働中に pgvector を更新したのであれば、サーバーを再起動してください。そうでなければ、ライブラリと "
            "SQL ファイルが同じバージョンになるように、pgvector を入れ直してください。",
        ),
    ),
    (Code.PGVECTOR_REFUSED, ""): Sentences(
        Text(
            "An event trigger of database {database} refused to let user {user} create or update the extension.",
            "データベース {database} のイベントトリガーが、ユーザー {user} による拡張の作成または更新を拒否しました。",
        ),
        Text(
            "Do as its sentence says, which pgvector-ready check --enable prints; a provider's own console may create "
            "the extension. Which triggers there are: SELECT evtname, evtowner::regrole, evtfoid::regproc FROM "
            "pg_event_trigger;",
            "トリガーのメッセージ(pgvector-ready check --enable が表示します)に従ってください。プロバイダーのコンソールで拡張を"
            "作れることもあります。トリガーの一覧は: "
            "SELECT evtname, evtowner::regrole, evtfoid::regproc FROM pg_event_trigger;",
        ),
    ),
    (Code.PGVECTOR_NOT_ON_SEARCH_PATH, ""): Sentences(
        Text(
            "pgvector is enabled in schema {schema}, and user {user} does not see it there.",
            "pgvector はスキーマ {schema} で有効ですが、ユーザー {user} からは見えません。",
            otherwise=Text(
                "pgvector is enabled in a schema that user {user} does not see.",
                "pgvector は、ユーザー {user} から見えないスキーマで有効になっています。",
            ),
        ),
        Text(
            "GRANT USAGE ON SCHEMA {schema_identifier} TO {user_identifier}; and put it on the search path: "
            "ALTER ROLE {user_identifier} IN DATABASE {database_identifier} "
            'SET search_path = "$user", public, {schema_identifier};',
            "GRANT USAGE ON SCHEMA {schema_identifier} TO {user_identifier}; を実行し、検索パスに加えてください: "
            "ALTER ROLE {user_identifier} IN DATABASE {database_identifier} "
            'SET search_path = "$user", public, {schema_identifier};',
            otherwise=Text(
                "Find its schema: SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'vector'; "
                "then grant this role the use of it, and put it on the role's search path.",
                "スキーマを調べてください: SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'vector'; "
                "そのうえで、このロールにスキーマを使う権限を与え、ロールの検索パスに加えてください。",
            ),
        ),
    ),
    (Code.PGVECTOR_SCHEMA_MISSING, ""): Sentences(
        Text(
            "User {user} finds no schema on its search path in database {database} to create the extension in.",
            "データベース {database} では、ユーザー {user} の検索パスに、拡張を作れるスキーマがありません。",
        ),
        Text(
            "As the database's owner: CREATE SCHEMA IF NOT EXISTS public; "
            "GRANT USAGE, CREATE ON SCHEMA public TO {user_identifier}; then put it on the search path, unless "
            "DATABASE_URL or PGOPTIONS sets another one: "
            'ALTER ROLE {user_identifier} IN DATABASE {database_identifier} SET search_path = "$user", public;',
            "データベースの所有者として: CREATE SCHEMA IF NOT EXISTS public; "
            "GRANT USAGE, CREATE ON SCHEMA public TO {user_identifier}; そのうえで、DATABASE_URL や PGOPTIONS で別のものを"
            "指定していなければ、検索パスに加えてください: "
            'ALTER ROLE {user_identifier} IN DATABASE {database_identifier} SET search_path = "$user", public;',
        ),
    ),
    (Code.PGVECTOR_FILES_INCOMPLETE, ""): Sentences(
        Text(
            "pgvector's files on the server are not all there: no SQL script of theirs leads to version "
            "{available_version}.",
            "サーバーにある pgvector のファイルが揃っていません。バージョン {available_version} にする SQL スクリプトがありません。",
            otherwise=Text(
                "pgvector's files on the server are not all there: the SQL script that is needed is missing.",
                "サーバーにある pgvector のファイルが揃っていません。必要な SQL スクリプトがありません。",
            ),
        ),
        Text(
            "Install pgvector whole again, the library and all SQL files of one release, or use an image that has it; "
            "pgvector-ready check --enable prints what the server misses.",
            "ライブラリとすべての SQL ファイルが同じバージョンになるように pgvector を入れ直すか、pgvector を含むイメージを"
            "使ってください。足りないものは pgvector-ready check --enable が表示します。",
        ),
    ),
    (Code.PGVECTOR_NAME_TAKEN, ""): Sentences(
        Text(
            "The {kind} {object} of {owner} has a name that pgvector needs, and the extension cannot be created.",
            "{owner} の {kind} {object} が pgvector の使う名前を持っているため、拡張を作れません。",
            otherwise=Text(
                "Something has a name that pgvector needs, and the extension cannot be created.",
                "pgvector の使う名前を持つものがあるため、拡張を作れません。",
            ),
        ),
        Text(
            "After a look at what it is for, as its owner or a superuser: {statement}",
            "何のためのものかを確かめたうえで、その所有者かスーパーユーザーとして実行してください: {statement}",
            otherwise=Text(
                "Give it another name, or create the extension in another schema.",
                "それの名前を変えるか、別のスキーマに拡張を作ってください。",
            ),
        ),
    ),
    (Code.PGVECTOR_SHADOWED, ""): Sentences(
        Text(
            "User {user} finds the {kind} {object} of {owner} before what pgvector has by that name in schema {schema}.",
            "ユーザー {user} からは、スキーマ {schema} にある pgvector の同じ名前のものより先に、"
            "{owner} の {kind} {object} が見つかります。",
            otherwise=Text(
                "User {user} finds something of another owner before what pgvector has by the same name.",
                "ユーザー {user} からは、pgvector の同じ名前のものより先に、別の所有者のものが見つかります。",
            ),
        ),
        Text(
            "As its owner or a superuser, after a look at what it is for: {statement} or put schema {schema} first on "
            "the search path of this role.",
            "何のためのものかを確かめたうえで、その所有者かスーパーユーザーとして実行してください: {statement} "
            "または、このロールの検索パスの先頭にスキーマ {schema} を置いてください。",
            otherwise=Text(
                "Put the schema of pgvector first on the search path of this role.",
                "このロールの検索パスの先頭に pgvector のスキーマを置いてください。",
            ),
        ),
    ),
    (Code.PGVECTOR_REPLACED, ""): Sentences(
        Text(
            "The {kind} {object} is no longer what pgvector made: it was replaced, and is not run.",
            "{kind} {object} は pgvector が作ったものではなくなっています。置き換えられているため、実行しません。",
            otherwise=Text(
                "Something of pgvector's was replaced, and is not run.",
                "pgvector のものが置き換えられているため、実行しません。",
            ),
        ),
        Text(
            "As a superuser: {statement}",
            "スーパーユーザーとして実行してください: {statement}",
            otherwise=Text(
                "As a superuser, look at the functions of pgvector's schema: one is not of its library.",
                "スーパーユーザーとして pgvector のスキーマの関数を確かめてください。ライブラリのものではない関数があります。",
            ),
        ),
    ),
    (Code.PGVECTOR_OWNER_UNTRUSTED, ""): Sentences(
        Text(
            "The {kind} {object} is pgvector's own, and {owner}, who owns it, may replace it by anything.",
            "{kind} {object} は pgvector のものですが、所有者の {owner} が自由に置き換えられます。",
            otherwise=Text(
                "Something of pgvector's belongs to a role that may replace it by anything.",
                "pgvector のものが、自由に置き換えられるロールの所有になっています。",
            ),
        ),
        Text(
            "As a superuser: {statement}",
            "スーパーユーザーとして実行してください: {statement}",
            otherwise=Text(
                "As a superuser, make it your own.",
                "スーパーユーザーとして、所有者をスーパーユーザーに変えてください。",
            ),
        ),
    ),
    (Code.PGVECTOR_WRONG_RESULT, ""): Sentences(
        Text(
            "pgvector calculates, and wrongly: a distance came out that is not the right one.",
            "pgvector の計算結果が誤っています。距離が正しい値になりませんでした。",
        ),
        Text(
            "Exchange its library: use an image with pgvector for this processor and this major version, such as "
            "{image}, and restart the server.",
            "ライブラリを入れ替えてください。このプロセッサーとこのメジャーバージョン用の pgvector のあるイメージ"
            "(たとえば {image} )を使い、サーバーを再起動します。",
            otherwise=Text(
                "Exchange its library: use an image with pgvector for this processor and this major version, and "
                "restart the server.",
                "ライブラリを入れ替えてください。このプロセッサーとこのメジャーバージョン用の pgvector のあるイメージを使い、"
                "サーバーを再起動します。",
            ),
        ),
    ),
    (Code.MIGRATIONS_HIDDEN, ""): Sentences(
        Text(
            "Row level security stands on {table}, and decides what user {user} sees of the revision.",
            "{table} に行レベルセキュリティが設定されていて、ユーザー {user} に見えるリビジョンが制限されています。",
            otherwise=Text(
                "Row level security decides what user {user} sees of the revision.",
                "行レベルセキュリティによって、ユーザー {user} に見えるリビジョンが制限されています。",
            ),
        ),
        Text(
            "As its owner: ALTER TABLE {table} DISABLE ROW LEVEL SECURITY; or as a superuser: "
            "ALTER ROLE {user_identifier} BYPASSRLS;",
            "テーブルの所有者として実行してください: ALTER TABLE {table} DISABLE ROW LEVEL SECURITY; "
            "またはスーパーユーザーとして: ALTER ROLE {user_identifier} BYPASSRLS;",
            otherwise=Text(
                "As a superuser: ALTER ROLE {user_identifier} BYPASSRLS;",
                "スーパーユーザーとして実行してください: ALTER ROLE {user_identifier} BYPASSRLS;",
            ),
        ),
    ),
    (Code.UNTRUSTED_CODE, ""): Sentences(
        Text(
            "The {kind} {object} belongs to {owner}, who is not trusted, and what was to be run would meet it.",
            "{kind} {object} は信頼できない {owner} のもので、これから実行する文がそれに出会います。そのため実行しません。",
            otherwise=Text(
                "What was to be run would meet something of a role that is not trusted.",
                "これから実行する文が、信頼できないロールのものに出会います。そのため実行しません。",
            ),
        ),
        Text(
            "After a look at what it is for, as a superuser: {statement}",
            "何のためのものかを確かめたうえで、スーパーユーザーとして実行してください: {statement}",
            otherwise=Text(
                "Look at what others may create in the schemas of the search path.",
                "検索パスのスキーマにほかのロールが何を作れるかを確かめてください。",
            ),
        ),
    ),
    (Code.MIGRATIONS_UNTRUSTED, ""): Sentences(
        Text(
            "{table} is not read: {reason}.",
            "{table} は読みません。{reason}。",
            otherwise=Text(
                "The version table is not read: something of a stranger's stands in the way.",
                "バージョンのテーブルは読みません。信頼できないものが関わっています。",
            ),
        ),
        Text(
            "After a look at what it is for, as its owner or a superuser: {statement}",
            "何のためのものかを確かめたうえで、その所有者かスーパーユーザーとして実行してください: {statement}",
            otherwise=Text(
                "Look at who owns the table and its schema, and at what stands on it.",
                "テーブルとスキーマの所有者、およびテーブルに付いているものを確かめてください。",
            ),
        ),
    ),
    (Code.SLOW, ""): Sentences(
        Text(
            "The database is usable and took {latency_ms:.0f} ms to say so.",
            "データベースは利用できますが、応答に {latency_ms:.0f} ms かかりました。",
        ),
        Text(
            "Look at its load and at the distance between it and this service.",
            "データベースの負荷と、このサービスとの距離を確かめてください。",
        ),
    ),
    (Code.MIGRATIONS_BEHIND, ""): Sentences(
        Text(
            "The database is at revision {current}, and this code needs {head}.",
            "データベースのリビジョンは {current} ですが、このコードには {head} が必要です。",
            otherwise=Text(
                "The database is at no revision, and this code needs {head}.",
                "データベースにはまだリビジョンがありませんが、このコードには {head} が必要です。",
                otherwise=Text(
                    "The database is not at the newest revision of this code.",
                    "データベースは、このコードの最新のリビジョンになっていません。",
                ),
            ),
        ),
        Text("Run: pgvector-ready migrate", "実行してください: pgvector-ready migrate"),
    ),
    (Code.MIGRATIONS_UNKNOWN, ""): Sentences(
        Text(
            "The database is at revision {current}, which this code does not know; its own newest is {head}.",
            "データベースのリビジョン {current} は、このコードが知らないものです。コードの最新は {head} です。",
            otherwise=Text(
                "The database is at a revision that this code does not know.",
                "データベースのリビジョンは、このコードが知らないものです。",
            ),
        ),
        Text(
            "Deploy the newer code; a roll-back is fine as long as the newer revision is compatible.",
            "新しいコードをデプロイしてください。新しいリビジョンに互換性があるあいだは、古いコードに戻しても問題ありません。",
        ),
    ),
    (Code.MIGRATIONS_RENAMED, ""): Sentences(
        Text(
            "The database is at revision 0001, as version 1 of this service called what is pgvector_ready_0001 now.",
            "データベースのリビジョンは 0001 です。バージョン 1 のこの名前は、現在の pgvector_ready_0001 に当たります。",
        ),
        Text(
            "Give it its new name: UPDATE {table} SET version_num = 'pgvector_ready_0001' WHERE version_num = '0001';",
            "新しい名前に変えてください: "
            "UPDATE {table} SET version_num = 'pgvector_ready_0001' WHERE version_num = '0001';",
            otherwise=Text(
                "Give it its new name: "
                "UPDATE alembic_version SET version_num = 'pgvector_ready_0001' WHERE version_num = '0001';",
                "新しい名前に変えてください: "
                "UPDATE alembic_version SET version_num = 'pgvector_ready_0001' WHERE version_num = '0001';",
            ),
        ),
    ),
    (Code.MIGRATIONS_FAILED, ""): Sentences(
        Text(
            "A migration failed; the database is at revision {current}.",
            "マイグレーションが失敗しました。データベースのリビジョンは {current} です。",
            otherwise=Text(
                "A migration failed; the database has no revision.",
                "マイグレーションが失敗しました。データベースにはリビジョンがありません。",
            ),
        ),
        Text(
            "Mend what is said below, and run pgvector-ready migrate again. What was done outside of a transaction, such "
            "as an index built concurrently, may have stayed.",
            "下に示す原因を直して、pgvector-ready migrate をもう一度実行してください。CONCURRENTLY を付けたインデックスの作成など、"
            "トランザクションの外で行われたものは残っている可能性があります。",
        ),
    ),
    (Code.MIGRATIONS_ELSEWHERE, ""): Sentences(
        Text(
            "The application's env.py does not migrate the database in DATABASE_URL, which is at revision {current}.",
            "アプリケーションの env.py は、DATABASE_URL のデータベースをマイグレーションしていません。"
            "そのリビジョンは {current} です。",
            otherwise=Text(
                "The application's env.py does not migrate the database in DATABASE_URL, which has no revision.",
                "アプリケーションの env.py は、DATABASE_URL のデータベースをマイグレーションしていません。"
                "リビジョンがありません。",
            ),
        ),
        Text(
            "Let env.py connect to DATABASE_URL. Where it keeps its revision in a table whose name is not plain text "
            "there, set MIGRATIONS_TABLE to schema.table.",
            "env.py が DATABASE_URL に接続するようにしてください。リビジョンのテーブル名が env.py に"
            "そのまま書かれていない場合は、MIGRATIONS_TABLE に schema.table を設定してください。",
        ),
    ),
    (Code.MIGRATIONS_PERMISSION_DENIED, ""): Sentences(
        Text(
            "User {user} lacks a right that migrations need in database {database}: "
            "to read alembic_version, or to make tables.",
            "ユーザー {user} には、データベース {database} のマイグレーションに必要な権限がありません: "
            "alembic_version を読む権限、またはテーブルを作る権限です。",
        ),
        Text(
            "To read it, as its owner: GRANT SELECT ON alembic_version TO {user_identifier}; To migrate, run "
            "pgvector-ready migrate as the role that owns the tables; where it is this role that shall own them, "
            "as the schema's owner: GRANT USAGE, CREATE ON SCHEMA public TO {user_identifier};",
            "読むには、テーブルの所有者として実行してください: GRANT SELECT ON alembic_version TO {user_identifier}; "
            "マイグレーションは、テーブルを所有するロールで pgvector-ready migrate を実行してください。"
            "このロールにテーブルを所有させる場合は、スキーマの所有者として: "
            "GRANT USAGE, CREATE ON SCHEMA public TO {user_identifier};",
        ),
    ),
}
