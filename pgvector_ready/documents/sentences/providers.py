"""The very next thing to do where a provider has a way of its own; in place of the code's own remedy."""

from collections.abc import Mapping

from pgvector_ready.documents.sentences.text import Text
from pgvector_ready.judgement.failures import Code
from pgvector_ready.judgement.target import Provider

_RESTART = Text(
    "Stop this service and start it again: the PostgreSQL that it brought along has ended; its log is beside its data.",
    "このサービスを止めて、もう一度起動してください。サービスが用意した PostgreSQL が終了しています。"
    "ログはデータと同じ場所にあります。",
)
_PUBLIC_RAILWAY = Text(
    "Use the value of DATABASE_PUBLIC_URL from the Railway service (its host ends in .proxy.rlwy.net).",
    "Railway のサービスの DATABASE_PUBLIC_URL の値を使ってください(ホストは .proxy.rlwy.net で終わります)。",
)
_SESSION_POOLER = Text(
    "Copy the session pooler's string in Supabase's dashboard (Connect, Session pooler): the direct host has only an "
    "IPv6 address, which this network cannot reach; if that fails too, see there whether the project is paused.",
    "Supabase のダッシュボード(Connect、Session pooler)から、セッションプーラーの文字列をコピーしてください。"
    "直接のホストには IPv6 アドレスしかなく、このネットワークからは届きません。"
    "それでも失敗するなら、プロジェクトが一時停止していないかをそこで確かめてください。",
)
_MANAGED = Text(
    "First make sure that this is the database you mean: this provider has pgvector. Then upgrade the server's version "
    "in the provider's console.",
    "まず、意図したデータベースかどうかを確かめてください。このプロバイダーには pgvector があります。"
    "そのうえで、プロバイダーのコンソールでサーバーのバージョンを上げてください。",
)

_WAKING = Text(
    "It may be waking up, which takes some seconds after a pause: ask again with more patience, pgvector-ready check "
    "--timeout 30; the service asks again by itself. If it never wakes, see in the provider's console whether it is "
    "suspended.",
    "休止から起動している途中かもしれません。起動には数秒かかります。待ち時間を延ばして、もう一度試してください: "
    "pgvector-ready check --timeout 30 サービスは自動的に試し続けます。いつまでも起動しないなら、"
    "停止されていないかをプロバイダーのコンソールで確かめてください。",
)

PROVIDER_REMEDIES: Mapping[tuple[Code, str, Provider], Text] = {
    **{
        (Code.PGVECTOR_NOT_AVAILABLE, "", provider): _MANAGED
        for provider in (
            Provider.RDS,
            Provider.CLOUD_SQL,
            Provider.NEON,
            Provider.SUPABASE,
            Provider.RENDER_INTERNAL,
            Provider.RENDER_EXTERNAL,
        )
    },
    # Where a firewall is the rule and not the exception.
    # These let a database sleep, and wake it for whoever logs in. Railway's proxy holds the connection meanwhile.
    **{
        (Code.CONNECT_TIMEOUT, phase, provider): _WAKING
        for provider, phases in (
            (Provider.NEON, ("login",)),
            (Provider.RDS, ("login",)),
            (Provider.RAILWAY_PROXY, ("greeting", "greeting_tls", "login")),
        )
        for phase in phases
    },
    (Code.CONNECT_TIMEOUT, "tcp", Provider.RDS): Text(
        "Let this service's outbound addresses in: the instance's security group, an inbound rule for port {port}; "
        "and switch on Publicly accessible.",
        "このサービスの送信元アドレスを許可してください。インスタンスのセキュリティグループに、ポート {port} の"
        "インバウンドルールを加え、パブリックアクセスを有効にします。",
    ),
    (Code.CONNECT_TIMEOUT, "tcp", Provider.AZURE): Text(
        "Add this service's outbound addresses: Networking, Firewall rules; with public access on.",
        "このサービスの送信元アドレスを Networking の Firewall rules に加え、パブリックアクセスを有効にしてください。",
    ),
    (Code.CONNECT_TIMEOUT, "tcp", Provider.CLOUD_SQL): Text(
        "Add this service's outbound addresses: Connections, Networking, Authorised networks.",
        "このサービスの送信元アドレスを、Connections、Networking の Authorised networks に加えてください。",
    ),
    (Code.HOST_UNREACHABLE, "", Provider.SUPABASE): _SESSION_POOLER,
    (Code.DNS_NOT_FOUND, "", Provider.SUPABASE): _SESSION_POOLER,
    (Code.POOLER_ERROR, "", Provider.SUPABASE): Text(
        "Copy the pooler's string again in Supabase's dashboard (Connect): the user is postgres. and the project's "
        "reference, the host that of the project's region. If they are the same, see there whether the project is "
        "paused; pgvector-ready check prints the pooler's own words.",
        "Supabase のダッシュボード(Connect)から、プーラーの文字列をコピーし直してください。ユーザー名は postgres. に"
        "プロジェクトの参照名を続けたもの、ホストはプロジェクトのリージョンのものです。同じであれば、"
        "プロジェクトが一時停止していないかをそこで確かめてください。プーラー自身のメッセージは、pgvector-ready check "
        "が表示します。",
    ),
    (Code.POOLER_ERROR, "", Provider.NEON): Text(
        "Leave start-up parameters such as options=... out of DATABASE_URL (or use the host without -pooler). Without "
        "any, see in Neon's console whether the branch's compute still exists, is enabled and within its quota; "
        "pgvector-ready check prints Neon's own words.",
        "options=... などの起動パラメーターを DATABASE_URL から取り除いてください(または -pooler のないホストを使います)。"
        "何も付けていないのであれば、ブランチのコンピュートが存在し、有効で、割り当ての範囲内かどうかを Neon の"
        "コンソールで確かめてください。Neon 自身のメッセージは、pgvector-ready check が表示します。",
    ),
    (Code.CONNECTION_REFUSED, "", Provider.LOCAL): Text(
        "Check that the database is running on this machine, on this port. In a container or on a platform localhost "
        "is the container itself: name the database's own host in DATABASE_URL.",
        "データベースがこのマシンの、このポートで動いているかを確かめてください。コンテナやプラットフォームの中では、"
        "localhost はそのコンテナ自身です。DATABASE_URL にはデータベースのホストを指定してください。",
    ),
    (Code.LOGIN_NOT_PERMITTED, "", Provider.AZURE): Text(
        "Add this service's outbound addresses to the server's firewall rules (Networking): Azure answers this way to "
        "every other; then see that the role may log in: ALTER ROLE {user_identifier} LOGIN;",
        "このサービスの送信元アドレスを、サーバーのファイアウォールルール(Networking)に加えてください。"
        "Azure は、登録されていないアドレスにこのように応答します。そのうえで、ロールがログインできるようにします: "
        "ALTER ROLE {user_identifier} LOGIN;",
    ),
    (Code.INVALID_PASSWORD, "", Provider.LOCAL): Text(
        "Correct the password in DATABASE_URL, or set it on the server: ALTER ROLE {user_identifier} PASSWORD 'new'; "
        "One that has expired is refused in the same words: ALTER ROLE {user_identifier} VALID UNTIL 'infinity'; "
        "A container whose data lie on a volume keeps the password of its first start, whatever POSTGRES_PASSWORD "
        "says later.",
        "DATABASE_URL のパスワードを正すか、サーバーで設定してください: ALTER ROLE {user_identifier} PASSWORD 'new'; "
        "期限の切れたパスワードも同じように拒否されます: ALTER ROLE {user_identifier} VALID UNTIL 'infinity'; "
        "データをボリュームに置くコンテナは、あとで POSTGRES_PASSWORD を変えても、最初に起動したときのパスワードを使い続けます。",
    ),
    (Code.TLS_UNTRUSTED, "", Provider.RDS): Text(
        "Download https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem and name it in "
        "sslrootcert=/path/to/global-bundle.pem.",
        "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem をダウンロードし、"
        "sslrootcert=/path/to/global-bundle.pem で指定してください。",
    ),
    (Code.SOCKET_NOT_FOUND, "", Provider.CLOUD_SQL): Text(
        "Attach the Cloud SQL instance to this service (on Cloud Run: --add-cloudsql-instances), by the name "
        "that stands behind /cloudsql/ in DATABASE_URL.",
        "DATABASE_URL の /cloudsql/ に続く名前の Cloud SQL インスタンスを、このサービスに接続してください"
        "(Cloud Run では --add-cloudsql-instances です)。",
    ),
    (Code.PGVECTOR_NOT_AVAILABLE, "", Provider.AZURE): Text(
        "First make sure that this is the database you mean; then allow it: add VECTOR to the server parameter "
        "azure.extensions.",
        "まず、意図したデータベースかどうかを確かめてください。そのうえで、サーバーパラメーター azure.extensions に VECTOR "
        "を加えて許可してください。",
    ),
    (Code.PGVECTOR_NOT_AVAILABLE, "", Provider.RAILWAY_INTERNAL): Text(
        "First make sure that DATABASE_URL comes from the right service: Railway's standard PostgreSQL has no "
        "pgvector. Deploy the template pgvector-pg17 or pgvector-pg18 and use its DATABASE_URL.",
        "まず、DATABASE_URL が正しいサービスのものかを確かめてください。Railway の標準の PostgreSQL には pgvector が"
        "ありません。テンプレート pgvector-pg17 か pgvector-pg18 をデプロイし、その DATABASE_URL を使ってください。",
    ),
    (Code.PRIVATE_HOST, "", Provider.RAILWAY_INTERNAL): Text(
        f"{_PUBLIC_RAILWAY.english} Private names only work between Railway services.",
        f"{_PUBLIC_RAILWAY.japanese}内部専用の名前は、Railway のサービス同士でしか使えません。",
    ),
    (Code.PRIVATE_HOST, "", Provider.RENDER_INTERNAL): Text(
        "Use the External Database URL from the database's page on Render (its host ends in .render.com), "
        "or run this service in the database's region and workspace.",
        "Render のデータベースのページにある External Database URL を使うか(ホストは .render.com で終わります)、"
        "このサービスをデータベースと同じリージョンとワークスペースで動かしてください。",
    ),
    (Code.CONNECTION_REFUSED, "", Provider.EMBEDDED): _RESTART,
    (Code.SOCKET_NOT_FOUND, "", Provider.EMBEDDED): _RESTART,
    (Code.CONNECTION_REFUSED, "", Provider.RAILWAY_PROXY): Text(
        f"Copy the address again, its port is random and changes. {_PUBLIC_RAILWAY.english}",
        f"アドレスをコピーし直してください。ポートは無作為に決まり、変わることがあります。{_PUBLIC_RAILWAY.japanese}",
    ),
    (Code.CONNECTION_CLOSED, "", Provider.RAILWAY_PROXY): Text(
        "Railway's proxy answers and the database behind it does not: look at the database service's deployment "
        "and restart it there.",
        "Railway のプロキシは応答していますが、その後ろのデータベースが応答していません。データベースのサービスの"
        "デプロイを確認し、そこで再起動してください。",
    ),
    (Code.TLS_NOT_SUPPORTED, "", Provider.RAILWAY_PROXY): Text(
        "Railway's plain pgvector templates have no TLS: use sslmode=prefer in DATABASE_URL, "
        "or Railway's standard PostgreSQL image, which has it.",
        "Railway の pgvector のテンプレートには TLS がありません。DATABASE_URL で sslmode=prefer を使うか、"
        "TLS のある Railway の標準の PostgreSQL イメージを使ってください。",
    ),
    (Code.TLS_HOSTNAME_MISMATCH, "", Provider.RAILWAY_PROXY): Text(
        "Use sslmode=require: Railway's certificate is made out to localhost, so that no host name can match it.",
        "sslmode=require を使ってください。Railway の証明書は localhost に対するもので、どのホスト名とも一致しません。",
    ),
    (Code.TLS_UNTRUSTED, "", Provider.RAILWAY_PROXY): Text(
        "Use sslmode=require: Railway's certificate is self-signed.",
        "sslmode=require を使ってください。Railway の証明書は自己署名です。",
    ),
    (Code.PGVECTOR_NOT_AVAILABLE, "", Provider.RAILWAY_PROXY): Text(
        "First make sure that DATABASE_URL comes from the right service: Railway's standard PostgreSQL has no "
        "pgvector. Deploy the template pgvector-pg17 or pgvector-pg18 and use its DATABASE_PUBLIC_URL.",
        "まず、DATABASE_URL が正しいサービスのものかを確かめてください。Railway の標準の PostgreSQL には pgvector が"
        "ありません。テンプレート pgvector-pg17 か pgvector-pg18 をデプロイし、その DATABASE_PUBLIC_URL を使ってください。",
    ),
    (Code.PGVECTOR_PERMISSION_DENIED, "", Provider.RDS): Text(
        "Log in as the master user (a member of rds_superuser), in this database: CREATE EXTENSION vector;",
        "マスターユーザー( rds_superuser のメンバー)でログインし、このデータベースで実行してください: "
        "CREATE EXTENSION vector;",
    ),
    (Code.PGVECTOR_PERMISSION_DENIED, "", Provider.AZURE): Text(
        "Allow it first: add VECTOR to the server parameter azure.extensions; then as the administrator "
        "(a member of azure_pg_admin), in this database: CREATE EXTENSION vector;",
        "まず、サーバーパラメーター azure.extensions に VECTOR を加えて許可してください。そのうえで、管理者"
        "( azure_pg_admin のメンバー)として、このデータベースで実行します: CREATE EXTENSION vector;",
    ),
    (Code.PGVECTOR_PERMISSION_DENIED, "", Provider.CLOUD_SQL): Text(
        "Log in as a member of cloudsqlsuperuser (the user postgres is one), in this database: "
        "CREATE EXTENSION vector;",
        "cloudsqlsuperuser のメンバー(ユーザー postgres もその一人です)でログインし、このデータベースで実行してください: "
        "CREATE EXTENSION vector;",
    ),
    (Code.PGVECTOR_PERMISSION_DENIED, "", Provider.SUPABASE): Text(
        "Enable vector under Database, Extensions in Supabase's dashboard, or as the user postgres: "
        "CREATE EXTENSION vector WITH SCHEMA extensions;",
        "Supabase のダッシュボードの Database、Extensions で vector を有効にするか、ユーザー postgres として実行してください: "
        "CREATE EXTENSION vector WITH SCHEMA extensions;",
    ),
}
