"""Sentences about the way to the server, TLS and the login."""

from pgvector_ready.documents.sentences.text import Sentences, Table, Text
from pgvector_ready.judgement.failures import Code

_WAIT = Text(
    "Wait: the service asks again by itself. If it lasts, read the database's log.",
    "お待ちください。サービスは自動的に再試行します。続くようなら、データベースのログを確認してください。",
)

CONNECTED: Table = {
    (Code.DNS_NOT_FOUND, ""): Sentences(
        Text("The host {host} does not resolve.", "ホスト {host} の名前を解決できません。"),
        Text(
            "Check the host in DATABASE_URL for a typing error, and copy the connection string again from the "
            "provider.",
            "DATABASE_URL のホスト名に誤りがないか確かめ、プロバイダーから接続文字列をコピーし直してください。",
        ),
    ),
    (Code.PRIVATE_HOST, ""): Sentences(
        Text(
            "The host {host} is a private name, which resolves within its provider's own network only.",
            "ホスト {host} は内部専用の名前で、プロバイダーのネットワークの中でしか解決できません。",
        ),
        Text(
            "Use the database's public address: private names only work inside the provider's own network.",
            "データベースの公開用のアドレスを使ってください。内部専用の名前は、プロバイダーのネットワークの中でしか使えません。",
        ),
    ),
    (Code.CONNECTION_REFUSED, ""): Sentences(
        Text("Nothing listens on {host} port {port}.", "{host} のポート {port} では何も待ち受けていません。"),
        Text(
            "Check that the database is running, and the host and port in DATABASE_URL.",
            "データベースが動いているか、また DATABASE_URL のホストとポートが正しいかを確かめてください。",
        ),
    ),
    (Code.HOST_UNREACHABLE, ""): Sentences(
        Text(
            "There is no route from here to {host} port {port}.",
            "ここから {host} のポート {port} までの経路がありません。",
        ),
        Text(
            "Check the network: is public access to the database switched on, does a firewall stand between, "
            "does the host only have an IPv6 address?",
            "ネットワークを確かめてください。データベースの公開アクセスは有効か、間にファイアウォールがないか、"
            "ホストが IPv6 アドレスしか持っていないのではないか。",
        ),
    ),
    (Code.CONNECT_TIMEOUT, ""): Sentences(
        Text(
            "{host} port {port} did not let the connection be made in time.",
            "{host} のポート {port} への接続が時間内に成立しませんでした。",
        ),
        Text(
            "Check the host, its list of allowed addresses and that public access is switched on.",
            "ホスト、許可されたアドレスの一覧、公開アクセスが有効かどうかを確かめてください。",
        ),
    ),
    (Code.CONNECT_TIMEOUT, "name"): Sentences(
        Text(
            "{host} port {port} did not let the connection be made in time: the name server gave no answer.",
            "{host} のポート {port} への接続が時間内に成立しませんでした。ネームサーバーの応答がありません。",
        ),
        Text(
            "Check the network's name server; the host name itself may be right.",
            "ネットワークのネームサーバーを確かめてください。ホスト名そのものは正しいかもしれません。",
        ),
    ),
    (Code.CONNECT_TIMEOUT, "tcp"): Sentences(
        Text(
            "{host} port {port} did not let the connection be made in time: nothing answered at all, neither yes nor "
            "no.",
            "{host} のポート {port} への接続が時間内に成立しませんでした。受け付ける応答も、断る応答もありません。",
        ),
        Text(
            "A firewall drops the packets, or the host is down: check the host, its list of allowed addresses and "
            "that public access is switched on.",
            "ファイアウォールがパケットを捨てているか、ホストが止まっています。ホスト、許可されたアドレスの一覧、"
            "公開アクセスが有効かどうかを確かめてください。",
        ),
    ),
    (Code.CONNECT_TIMEOUT, "greeting"): Sentences(
        Text(
            "{host} port {port} did not let the connection be made in time: it accepted the connection and then "
            "stayed silent.",
            "{host} のポート {port} への接続が時間内に成立しませんでした。接続は受け付けましたが、そのあと応答がありません。",
        ),
        Text(
            "Check the port in DATABASE_URL, in case it belongs to something else; if it is the database's, the "
            "server or the proxy before it is frozen: look at its log and restart it.",
            "DATABASE_URL のポートが別のもののポートではないか確かめてください。データベースのポートで間違いなければ、"
            "サーバーかその手前のプロキシが固まっています。ログを確認し、再起動してください。",
        ),
    ),
    (Code.CONNECT_TIMEOUT, "greeting_tls"): Sentences(
        Text(
            "{host} port {port} did not let the connection be made in time: it accepted the connection and then "
            "stayed silent.",
            "{host} のポート {port} への接続が時間内に成立しませんでした。接続は受け付けましたが、そのあと応答がありません。",
        ),
        Text(
            "Check the port in DATABASE_URL, in case it belongs to something else; if it is the database's, the "
            "server or the proxy before it is frozen: look at its log and restart it. A server that does not know the "
            "question for TLS (such as pglite-socket) needs sslmode=disable.",
            "DATABASE_URL のポートが別のもののポートではないか確かめてください。データベースのポートで間違いなければ、"
            "サーバーかその手前のプロキシが固まっています。ログを確認し、再起動してください。"
            "TLS の問い合わせを知らないサーバー(pglite-socket など)には sslmode=disable が必要です。",
        ),
    ),
    (Code.CONNECT_TIMEOUT, "tls"): Sentences(
        Text(
            "{host} port {port} did not let the connection be made in time: it stayed silent in the TLS handshake.",
            "{host} のポート {port} への接続が時間内に成立しませんでした。TLS ハンドシェイクの途中で応答がなくなりました。",
        ),
        Text(
            "A proxy or firewall between holds back TLS, or the server is frozen: look at both, and restart the "
            "server.",
            "間にあるプロキシかファイアウォールが TLS を止めているか、サーバーが固まっています。両方を確認し、"
            "サーバーを再起動してください。",
        ),
    ),
    (Code.CONNECT_TIMEOUT, "login"): Sentences(
        Text(
            "{host} port {port} did not let the connection be made in time: it stayed silent during the login.",
            "{host} のポート {port} への接続が時間内に成立しませんでした。ログインの途中で応答がなくなりました。",
        ),
        Text(
            "It may be waking up: ask again with more patience, pgvector-ready check --timeout 30. If that fails too, the "
            "server is overloaded or frozen, or a pooler there cannot reach its own server: read the log of either, look "
            "at its load, and restart it.",
            "起動中かもしれません。待ち時間を延ばして、もう一度試してください: pgvector-ready check --timeout 30 "
            "それでも失敗するなら、サーバーが過負荷か固まっているか、そこにあるプーラーが自分のサーバーに接続できません。"
            "それぞれのログと負荷を確認し、再起動してください。",
        ),
    ),
    (Code.SOCKET_NOT_FOUND, ""): Sentences(
        Text(
            "There is no PostgreSQL socket in {host} for port {port}.",
            "{host} に、ポート {port} の PostgreSQL のソケットがありません。",
        ),
        Text(
            "Check that the server is running on this machine, and its unix_socket_directories: "
            "psql -h {host} -p {port} must connect.",
            "サーバーがこのマシンで動いているか、また unix_socket_directories の設定を確かめてください。"
            "psql -h {host} -p {port} で接続できるはずです。",
        ),
    ),
    (Code.NOT_POSTGRESQL, ""): Sentences(
        Text(
            "Something answers on {host} port {port}, and it is not PostgreSQL.",
            "{host} のポート {port} で応答しているのは PostgreSQL ではありません。",
        ),
        Text(
            "Check the port in DATABASE_URL: this one belongs to another service.",
            "DATABASE_URL のポートを確かめてください。このポートは別のサービスのものです。",
        ),
    ),
    (Code.NOT_POSTGRESQL, "relative"): Sentences(
        Text(
            "What answers on {host} port {port} speaks as PostgreSQL does, and its catalogue lacks what PostgreSQL has.",
            "{host} のポート {port} は PostgreSQL と同じプロトコルで応答しますが、PostgreSQL のカタログにあるものがありません。",
        ),
        Text(
            "Connect to a PostgreSQL server with pgvector: this is another database system of its kind, or a very old "
            "release; pgvector-ready check prints what it does not know.",
            "pgvector のある PostgreSQL サーバーに接続してください。これは PostgreSQL に似た別のデータベースか、とても古い"
            "バージョンです。何がないのかは pgvector-ready check が表示します。",
        ),
    ),
    (Code.PROTOCOL_VIOLATION, ""): Sentences(
        Text(
            "{host} port {port} answers as PostgreSQL does and then breaks its protocol: {violation}.",
            "{host} のポート {port} は PostgreSQL のように応答しますが、プロトコルに違反しています: {violation}。",
            otherwise=Text(
                "{host} port {port} answers as PostgreSQL does and then breaks its protocol.",
                "{host} のポート {port} は PostgreSQL のように応答しますが、プロトコルに違反しています。",
            ),
        ),
        Text(
            "Whatever stands between alters what the server says, or it is no PostgreSQL server: connect to the "
            "database itself, past every proxy and pooler, and look at the log of what answers on that port.",
            "間にあるものがサーバーの応答を変えているか、PostgreSQL のサーバーではありません。プロキシやプーラーを通さずに"
            "データベースに直接接続し、そのポートで応答しているもののログを確認してください。",
        ),
    ),
    (Code.CONNECTION_CLOSED, ""): Sentences(
        Text(
            "{host} port {port} accepted the connection and closed it at once.",
            "{host} のポート {port} は接続を受け付けましたが、すぐに閉じました。",
        ),
        Text(
            "Wake or restart the database: a proxy stands there, and the database behind it does not answer.",
            "そこにあるのはプロキシで、その後ろのデータベースが応答していません。データベースを起こすか、再起動してください。",
        ),
    ),
    (Code.TLS_NOT_SUPPORTED, ""): Sentences(
        Text(
            "DATABASE_URL insists on TLS, and the server on {host} port {port} has none.",
            "DATABASE_URL は TLS を求めていますが、{host} のポート {port} のサーバーには TLS がありません。",
        ),
        Text(
            "Use sslmode=prefer in DATABASE_URL, or a database that offers TLS.",
            "DATABASE_URL で sslmode=prefer を使うか、TLS のあるデータベースを使ってください。",
        ),
    ),
    (Code.TLS_REQUIRED, ""): Sentences(
        Text(
            "The server on {host} port {port} refuses this login without TLS.",
            "{host} のポート {port} のサーバーは、TLS なしのこのログインを受け付けません。",
        ),
        Text(
            "Use sslmode=require in DATABASE_URL. If that is refused as well, its pg_hba.conf or its list of allowed "
            "addresses does not let user {user} in from here.",
            "DATABASE_URL で sslmode=require を使ってください。それでも拒否されるなら、サーバーの pg_hba.conf "
            "か許可されたアドレスの一覧が、ユーザー {user} のここからの接続を認めていません。",
        ),
    ),
    (Code.TLS_REQUEST_REFUSED, ""): Sentences(
        Text(
            "{host} port {port} speaks PostgreSQL, but {manner} when it is asked for TLS.",
            "{host} のポート {port} は PostgreSQL ですが、TLS を使えるかどうか尋ねると{manner}。",
        ),
        Text(
            "Use sslmode=disable in DATABASE_URL, which does not ask: the connection is then not encrypted. Where it "
            "crosses a public network, use a server or a proxy that knows TLS.",
            "DATABASE_URL で sslmode=disable を使ってください。TLS について尋ねなくなり、接続は暗号化されません。"
            "公開のネットワークを通るなら、TLS の使えるサーバーかプロキシを使ってください。",
        ),
    ),
    (Code.TLS_HANDSHAKE_FAILED, ""): Sentences(
        Text(
            "{host} port {port} and this service could not agree on TLS: {tls_reason}.",
            "{host} のポート {port} とこのサービスの間で TLS が成立しませんでした: {tls_reason}。",
            otherwise=Text(
                "{host} port {port} and this service could not agree on TLS.",
                "{host} のポート {port} とこのサービスの間で TLS が成立しませんでした。",
            ),
        ),
        Text(
            "Compare ssl_min_protocol_version and ssl_max_protocol_version in DATABASE_URL with those of the server; "
            "a client certificate that it demands belongs in sslcert and sslkey.",
            "DATABASE_URL の ssl_min_protocol_version と ssl_max_protocol_version を、サーバーの設定と比べてください。"
            "サーバーがクライアント証明書を求めるなら、sslcert と sslkey で指定します。",
        ),
    ),
    (Code.TLS_EXPIRED, ""): Sentences(
        Text(
            "The certificate of {host}, or one that it was signed with, has expired.",
            "{host} の証明書か、その署名に使われた証明書の有効期限が切れています。",
        ),
        Text(
            "Renew it on the server and reload the server; if it is still valid, the clock of this machine is ahead. "
            "Until then sslmode=require without sslrootcert encrypts without verifying.",
            "サーバーで証明書を更新し、読み込み直してください。期限内であれば、このマシンの時計が進んでいます。"
            "それまでは、sslrootcert のない sslmode=require で、検証せずに暗号化だけを行えます。",
        ),
    ),
    (Code.TLS_NOT_YET_VALID, ""): Sentences(
        Text(
            "The certificate of {host}, or one that it was signed with, is not valid yet.",
            "{host} の証明書か、その署名に使われた証明書は、まだ有効期間に入っていません。",
        ),
        Text(
            "Compare the clock of this machine (date -u) with that of the machine that made the certificate, and set "
            "the wrong one; or make the certificate again. Until then sslmode=require without sslrootcert encrypts "
            "without verifying.",
            "このマシンの時計(date -u)と証明書を作ったマシンの時計を比べ、ずれている方を正すか、証明書を作り直してください。"
            "それまでは、sslrootcert のない sslmode=require で、検証せずに暗号化だけを行えます。",
        ),
    ),
    (Code.TLS_REVOKED, ""): Sentences(
        Text(
            "The certificate of {host} is on the list of revoked certificates that sslcrl names.",
            "{host} の証明書は、sslcrl の失効リストに載っています。",
        ),
        Text(
            "Do not connect before you know why: give the server a new certificate, or take the right list in sslcrl.",
            "理由が分かるまで接続しないでください。サーバーに新しい証明書を入れるか、sslcrl に正しい失効リストを"
            "指定してください。",
        ),
    ),
    (Code.TLS_UNTRUSTED, ""): Sentences(
        Text(
            "The certificate of {host} is not signed by an authority trusted here.",
            "{host} の証明書は、ここで信頼している認証局が署名したものではありません。",
        ),
        Text(
            "Give the authority's certificate in sslrootcert=/path/to/ca.crt, or use sslmode=require, "
            "which encrypts without verifying.",
            "認証局の証明書を sslrootcert=/path/to/ca.crt で指定するか、検証せずに暗号化だけを行う sslmode=require "
            "を使ってください。",
        ),
    ),
    (Code.TLS_HOSTNAME_MISMATCH, ""): Sentences(
        Text(
            "The certificate of the server is not made out to {host}.",
            "サーバーの証明書は {host} に対して発行されたものではありません。",
        ),
        Text(
            "Use the host name in the certificate, sslmode=verify-ca with its sslrootcert, or sslmode=require, "
            "which encrypts without verifying.",
            "証明書にあるホスト名を使うか、sslmode=verify-ca とその sslrootcert を指定するか、"
            "検証せずに暗号化だけを行う sslmode=require を使ってください。",
        ),
    ),
    (Code.TLS_ROOT_MISSING, ""): Sentences(
        Text(
            "The connection needs the file that {parameter} names, and it {flaw}.",
            "接続には {parameter} のファイルが必要ですが、そのファイルは{flaw}。",
            otherwise=Text(
                "The connection needs a file of TLS that cannot be used.",
                "接続に必要な TLS のファイルを使えません。",
            ),
        ),
        Text(
            "Name the authority's certificate in sslrootcert=/path/to/ca.crt, a file in PEM that this service may read; "
            "use sslrootcert=system for a publicly signed one; or sslmode=require without sslrootcert.",
            "認証局の証明書を sslrootcert=/path/to/ca.crt で指定してください。このサービスが読める PEM 形式のファイルです。"
            "公的な認証局の署名なら sslrootcert=system 、または sslrootcert のない sslmode=require を使います。",
        ),
    ),
    (Code.TLS_ROOT_MISSING, "client"): Sentences(
        Text(
            "The connection needs the file that {parameter} names, and it {flaw}.",
            "接続には {parameter} のファイルが必要ですが、そのファイルは{flaw}。",
            otherwise=Text(
                "The connection needs a file of TLS that cannot be used.",
                "接続に必要な TLS のファイルを使えません。",
            ),
        ),
        Text(
            "Name the client certificate in sslcert and its key in sslkey, each a file in PEM that this service may "
            "read, with the key's pass phrase in sslpassword; or leave them out where the server does not ask for "
            "them.",
            "クライアント証明書を sslcert 、その鍵を sslkey で指定してください。どちらもこのサービスが読める PEM "
            "形式のファイルで、鍵のパスフレーズは sslpassword に書きます。サーバーが求めないのであれば、取り除いてください。",
        ),
    ),
    (Code.TLS_ROOT_MISSING, "crl"): Sentences(
        Text(
            "The connection needs the file that {parameter} names, and it {flaw}.",
            "接続には {parameter} のファイルが必要ですが、そのファイルは{flaw}。",
            otherwise=Text(
                "The connection needs a file of TLS that cannot be used.",
                "接続に必要な TLS のファイルを使えません。",
            ),
        ),
        Text(
            "Name in sslcrl the newest list of the authority that signed the server's certificate, or leave sslcrl out.",
            "サーバーの証明書に署名した認証局の最新の失効リストを sslcrl で指定するか、sslcrl を取り除いてください。",
        ),
    ),
    (Code.TLS_OFF, ""): Sentences(
        Text(
            "The connection to the public host {host} is not encrypted.",
            "公開のホスト {host} への接続が暗号化されていません。",
        ),
        Text(
            "Use a database that offers TLS with sslmode=require; until then everything crosses the network in clear.",
            "TLS のあるデータベースを sslmode=require で使ってください。それまでは、すべてが平文でネットワークを通ります。",
        ),
    ),
    (Code.INVALID_PASSWORD, ""): Sentences(
        Text(
            "The server refused the password of user {user}.",
            "サーバーがユーザー {user} のパスワードを拒否しました。",
        ),
        Text(
            "Copy the connection string again from the provider: the password was changed, cut short, "
            "or belongs to another database.",
            "プロバイダーから接続文字列をコピーし直してください。パスワードが変更されたか、途中で切れているか、"
            "別のデータベースのものです。",
        ),
    ),
    (Code.INVALID_PASSWORD, "brackets"): Sentences(
        Text(
            "The server refused the password of user {user}, which stands between brackets or quotes.",
            "サーバーがユーザー {user} のパスワードを拒否しました。パスワードが括弧か引用符で囲まれています。",
        ),
        Text(
            "Take them off the password in DATABASE_URL: they are a template's, as in [YOUR-PASSWORD], and are "
            "sent with it.",
            "DATABASE_URL のパスワードから取り除いてください。[YOUR-PASSWORD] のようなひな形の括弧が残り、"
            "パスワードの一部として送られています。",
        ),
    ),
    (Code.LOGIN_NOT_PERMITTED, ""): Sentences(
        Text(
            "The server does not let user {user} log in to database {database} from here.",
            "サーバーは、ユーザー {user} がここからデータベース {database} にログインすることを許可していません。",
        ),
        Text(
            "Check that the role exists and may log in (ALTER ROLE {user_identifier} LOGIN;), "
            "and the server's pg_hba.conf or list of allowed addresses; it may also ask for a client certificate "
            "(sslcert and sslkey).",
            "そのロールがあり、ログインできること(ALTER ROLE {user_identifier} LOGIN;)、またサーバーの pg_hba.conf "
            "や許可されたアドレスの一覧を確かめてください。クライアント証明書( sslcert と sslkey )を求めている場合もあります。",
        ),
    ),
    (Code.LOGIN_NOT_PERMITTED, "trigger"): Sentences(
        Text(
            "An event trigger of database {database} refused the login of user {user}.",
            "データベース {database} のイベントトリガーが、ユーザー {user} のログインを拒否しました。",
        ),
        Text(
            "pgvector-ready check prints its sentence. To let everybody in, as a superuser with "
            "PGOPTIONS='-c event_triggers=off': SELECT evtname FROM pg_event_trigger WHERE evtevent = 'login'; then "
            "disable the trigger that it names.",
            "トリガーのメッセージは pgvector-ready check が表示します。全員をログインさせるには、スーパーユーザーとして "
            "PGOPTIONS='-c event_triggers=off' を付けて接続し、"
            "SELECT evtname FROM pg_event_trigger WHERE evtevent = 'login'; で名前を調べ、"
            "そのトリガーを無効にしてください。",
        ),
    ),
    (Code.PRELOAD_LIBRARY_FAILED, ""): Sentences(
        Text(
            "The server on {host} port {port} ended the login: it cannot load a library that a setting of the "
            "database, of the role or of the server names.",
            "{host} のポート {port} のサーバーがログインを打ち切りました。データベース、ロール、またはサーバーの設定にある"
            "ライブラリを読み込めません。",
        ),
        Text(
            "Install the library (pgvector-ready check prints its name), or take it out, as a superuser in another "
            "database: ALTER DATABASE {database_identifier} RESET session_preload_libraries; "
            "ALTER DATABASE {database_identifier} RESET local_preload_libraries; "
            "ALTER ROLE {user_identifier} RESET session_preload_libraries; "
            "ALTER ROLE {user_identifier} RESET local_preload_libraries; "
            "ALTER ROLE {user_identifier} IN DATABASE {database_identifier} RESET session_preload_libraries; "
            "ALTER ROLE {user_identifier} IN DATABASE {database_identifier} RESET local_preload_libraries; Where it is in none (psql shows them by "
            "\\drds), it stands in postgresql.conf.",
            "ライブラリを入れる(名前は pgvector-ready check が表示します)か、スーパーユーザーとして別のデータベースで"
            "設定から外してください: ALTER DATABASE {database_identifier} RESET session_preload_libraries; "
            "ALTER DATABASE {database_identifier} RESET local_preload_libraries; "
            "ALTER ROLE {user_identifier} RESET session_preload_libraries; "
            "ALTER ROLE {user_identifier} RESET local_preload_libraries; "
            "ALTER ROLE {user_identifier} IN DATABASE {database_identifier} RESET session_preload_libraries; "
            "ALTER ROLE {user_identifier} IN DATABASE {database_identifier} RESET local_preload_libraries; どこにもなければ(psql の \\drds で分かります)、"
            "postgresql.conf にあります。",
        ),
    ),
    (Code.DATABASE_MISSING, ""): Sentences(
        Text(
            "There is no database {database} on {host} port {port}.",
            "{host} のポート {port} に、データベース {database} がありません。",
        ),
        Text(
            "Check the name at the end of DATABASE_URL, list the databases that exist with psql -l, "
            "or create it: CREATE DATABASE {database_identifier};",
            "DATABASE_URL の末尾の名前を確かめ、psql -l で今あるデータベースを一覧するか、"
            "作成してください: CREATE DATABASE {database_identifier};",
        ),
    ),
    (Code.DATABASE_MISSING, "doubtful"): Sentences(
        Text(
            "There is no database {database} on {host} port {port}.",
            "{host} のポート {port} に、データベース {database} がありません。",
        ),
        Text(
            "End DATABASE_URL in /{meant} if that is the database's name: the character too many is taken for a part "
            "of it. List the databases that exist with psql -l.",
            "それがデータベース名なら、DATABASE_URL の末尾を /{meant} にしてください。余分な文字が名前の一部とみなされて"
            "います。今あるデータベースは psql -l で一覧できます。",
        ),
    ),
    (Code.DATABASE_CONNECT_DENIED, ""): Sentences(
        Text(
            "User {user} may not connect to database {database}.",
            "ユーザー {user} には、データベース {database} に接続する権限がありません。",
        ),
        Text(
            "As its owner: GRANT CONNECT ON DATABASE {database_identifier} TO {user_identifier};",
            "データベースの所有者として実行してください: "
            "GRANT CONNECT ON DATABASE {database_identifier} TO {user_identifier};",
        ),
    ),
    (Code.DATABASE_NOT_ACCEPTING, ""): Sentences(
        Text(
            "Database {database} accepts no connections.",
            "データベース {database} は接続を受け付けない設定になっています。",
        ),
        Text(
            "As a superuser: ALTER DATABASE {database_identifier} ALLOW_CONNECTIONS true; "
            "or name another database in DATABASE_URL.",
            "スーパーユーザーとして実行してください: ALTER DATABASE {database_identifier} ALLOW_CONNECTIONS true; "
            "または DATABASE_URL で別のデータベースを指定してください。",
        ),
    ),
    (Code.TOO_MANY_CONNECTIONS, ""): Sentences(
        Text(
            "The server, the database or the role {user} has no connection left.",
            "サーバー、データベース、またはロール {user} の接続数が上限に達しています。",
        ),
        Text(
            "Lower pool size x processes x instances below the limit, raise it, or go through a pooler. "
            "Who holds them: SELECT usename, application_name, state, count(*) FROM pg_stat_activity GROUP BY 1, 2, 3;",
            "プールの大きさ×プロセス数×インスタンス数を上限より小さくするか、上限を上げるか、プーラーを使ってください。"
            "接続を持っているのは: "
            "SELECT usename, application_name, state, count(*) FROM pg_stat_activity GROUP BY 1, 2, 3;",
        ),
    ),
    (Code.TOO_MANY_CONNECTIONS, "pooler"): Sentences(
        Text(
            "The connection pooler on {host} port {port} has no connection left: as many clients are connected as it "
            "takes.",
            "{host} のポート {port} の接続プーラーに、空いている接続がありません。接続しているクライアントの数が上限に達しています。",
        ),
        Text(
            "Use the pooler's transaction mode (Supabase: port 6543 in place of 5432), raise its pool size in the "
            "provider's console, or lower pool size x processes x instances below it.",
            "プーラーのトランザクションモードを使う(Supabase ではポート 5432 の代わりに 6543)か、プロバイダーのコンソールで"
            "プールの大きさを上げるか、プールの大きさ×プロセス数×インスタンス数をそれより小さくしてください。",
        ),
    ),
    (Code.TOO_MANY_CONNECTIONS, "pool"): Sentences(
        Text(
            "All connections of the application's own pool are in use, and start-up got none to prove pgvector with.",
            "アプリケーション自身のプールの接続がすべて使用中で、起動時に pgvector を確かめるための接続が得られません。",
        ),
        Text(
            "Give each connection back when its work is done, or raise pool_size; start-up tries again by itself, and "
            "neither the server nor the service need be restarted.",
            "処理が終わった接続をプールに返すか、pool_size を大きくしてください。起動処理は自動的に再試行するため、サーバーも"
            "サービスも再起動する必要はありません。",
        ),
    ),
    (Code.CANNOT_CONNECT_NOW, ""): Sentences(
        Text(
            "The server on {host} port {port} is starting up, shutting down or recovering.",
            "{host} のポート {port} のサーバーは、起動中、停止中、または復旧中です。",
        ),
        _WAIT,
    ),
    (Code.SERVER_SHUTDOWN, ""): Sentences(
        Text(
            "The server ended the session: it is restarting, or an administrator ended it.",
            "サーバーがセッションを終了しました。再起動中か、管理者が終了させました。",
        ),
        _WAIT,
    ),
    (Code.CONNECTION_LOST, ""): Sentences(
        Text(
            "The connection to {host} port {port} was cut in the middle.",
            "{host} のポート {port} への接続が途中で切れました。",
        ),
        Text(
            "Wait: the service asks again by itself. If it lasts, look at the network and at the database's restarts.",
            "お待ちください。サービスは自動的に再試行します。続くようなら、ネットワークとデータベースの再起動の履歴を"
            "確認してください。",
        ),
    ),
    (Code.QUERY_TIMEOUT, ""): Sentences(
        Text(
            "{host} port {port} is connected and did not answer a tiny query in time.",
            "{host} のポート {port} に接続していますが、ごく小さな問い合わせに時間内に応答しませんでした。",
        ),
        Text(
            "The database is frozen, overloaded, or the network drops its answers: look at its CPU, memory, disk "
            "and log, then restart it.",
            "データベースが固まっているか、過負荷か、ネットワークで応答が失われています。CPU、メモリー、ディスク、ログを"
            "確認し、再起動してください。",
        ),
    ),
    (Code.STATEMENT_TIMEOUT, ""): Sentences(
        Text(
            "The server ended a tiny query by its own statement_timeout.",
            "サーバーが、自身の statement_timeout によってごく小さな問い合わせを打ち切りました。",
        ),
        Text(
            "Raise it for this role "
            "(ALTER ROLE {user_identifier} IN DATABASE {database_identifier} SET statement_timeout = '30s';) "
            "or look at what keeps the server busy: SELECT pid, state, query FROM pg_stat_activity;",
            "このロールの値を上げる"
            "(ALTER ROLE {user_identifier} IN DATABASE {database_identifier} SET statement_timeout = '30s';)か、"
            "何がサーバーを忙しくしているかを調べてください: SELECT pid, state, query FROM pg_stat_activity;",
        ),
    ),
    (Code.STATEMENT_TIMEOUT, "transaction"): Sentences(
        Text(
            "The server ended the session in a tiny transaction, by its own transaction_timeout.",
            "サーバーが、自身の transaction_timeout によって、ごく小さなトランザクションの途中でセッションを打ち切りました。",
        ),
        Text(
            "Raise it for this role: "
            "ALTER ROLE {user_identifier} IN DATABASE {database_identifier} SET transaction_timeout = '30s';",
            "このロールの値を上げてください: "
            "ALTER ROLE {user_identifier} IN DATABASE {database_identifier} SET transaction_timeout = '30s';",
        ),
    ),
    (Code.POOLER_ERROR, ""): Sentences(
        Text(
            "A connection pooler on {host} port {port} refused the session.",
            "{host} のポート {port} の接続プーラーがセッションを拒否しました。",
        ),
        Text(
            'pgvector-ready check prints its own words, and so does: psql "$DATABASE_URL" -c "SELECT 1". '
            "In this order it may be: the user or password (copy them again), the database's name (mend it, or add it "
            "to the pooler's [databases]), a start-up parameter such as options=... (leave it out of DATABASE_URL), "
            "a full queue or max_client_conn, the server behind the pooler.",
            "プーラー自身のメッセージは、pgvector-ready check か次のコマンドが表示します: "
            'psql "$DATABASE_URL" -c "SELECT 1" 。'
            "考えられる原因は順に、ユーザー名かパスワード(コピーし直す)、データベース名(正すか、プーラーの [databases] "
            "に加える)、options=... などの起動パラメーター(DATABASE_URL から取り除く)、"
            "待ち行列か max_client_conn の上限、プーラーの後ろのサーバーです。",
        ),
    ),
    (Code.POOLER_ERROR, "endpoint"): Sentences(
        Text(
            "Neon's proxy on {host} port {port} was not told which endpoint is meant.",
            "{host} のポート {port} にある Neon のプロキシに、どのエンドポイントかが伝わっていません。",
        ),
        Text(
            "Connect by Neon's own host name with sslmode=require and without hostaddr, so that TLS passes the name on; "
            "or add options=endpoint%3D and the first part of that name (ep-...) to DATABASE_URL.",
            "Neon のホスト名で、sslmode=require を使い、hostaddr なしで接続してください。TLS が名前を伝えます。"
            "または DATABASE_URL に options=endpoint%3D とその名前の最初の部分(ep-...)を加えてください。",
        ),
    ),
    (Code.POOLER_ERROR, "prepared"): Sentences(
        Text(
            "The application's engine prepares statements by name, and the pooler on {host} port {port} gives its "
            "sessions to others in between.",
            "アプリケーションのエンジンは名前付きのプリペアドステートメントを使いますが、{host} のポート {port} のプーラーは、"
            "その間にセッションを他のクライアントにも渡します。",
        ),
        Text(
            "Let the engine prepare none that last, which create_async_engine takes as "
            'connect_args=dict(statement_cache_size=0, prepared_statement_name_func=lambda: "", '
            "prepared_statement_cache_size=0); or use the pooler's session mode (Supabase: port 5432 in place of 6543), "
            "or PgBouncer 1.21 with max_prepared_statements.",
            "残るステートメントを作らないように、create_async_engine に次を渡してください: "
            'connect_args=dict(statement_cache_size=0, prepared_statement_name_func=lambda: "", '
            "prepared_statement_cache_size=0) 。または、プーラーのセッションモード(Supabase ではポート 6543 の代わりに 5432)か、"
            "PgBouncer 1.21 の max_prepared_statements を使ってください。",
        ),
    ),
    (Code.NO_MATCHING_HOST, ""): Sentences(
        Text(
            "None of the hosts in DATABASE_URL has the target_session_attrs asked for.",
            "DATABASE_URL のホストのうち、求められた target_session_attrs に合うものがありません。",
        ),
        Text(
            "Wait for the failover to end, or look for the primary: SELECT pg_is_in_recovery(); on each host.",
            "フェイルオーバーが終わるのを待つか、各ホストで次を実行してプライマリを探してください: "
            "SELECT pg_is_in_recovery();",
        ),
    ),
    (Code.DISK_FULL, ""): Sentences(
        Text("The server's disk is full.", "サーバーのディスクがいっぱいです。"),
        Text(
            "Free or add disk space at the provider. What takes it: "
            "SELECT datname, pg_size_pretty(pg_database_size(datname)) FROM pg_database;",
            "プロバイダーでディスクを空けるか、増やしてください。何が使っているかは: "
            "SELECT datname, pg_size_pretty(pg_database_size(datname)) FROM pg_database;",
        ),
    ),
    (Code.OUT_OF_MEMORY, ""): Sentences(
        Text("The server has run out of memory.", "サーバーのメモリーが足りません。"),
        Text(
            "Restart the database, and give it more memory or fewer connections.",
            "データベースを再起動し、メモリーを増やすか、接続数を減らしてください。",
        ),
    ),
}
