"""Private keys, JSON Web Tokens, credentials in URLs and configuration, and guesses (advice)."""

from dataclasses import replace
from typing import Final

from reconciler.core.secrets.rule import ALNUM, ASSIGNED, END, HEX, WORD, Rule, renew, shaped
from reconciler.model.finding import Severity

_BODY: Final = r"[A-Za-z0-9+/=\s\\\"',]"
_KEY_FIX: Final = (
    "make a new key pair, put its public half wherever the old one is trusted, remove the old one "
    "there, keep the private half in a secret store, and take this one out"
)


def _private_key(name: str, title: str, words: str) -> Rule:
    return Rule(
        f"secret-private-key-{name}",
        f"private key ({title})",
        "critical",
        (f"begin {words}private key".lower(),),
        rf"-----BEGIN {words}PRIVATE KEY-----(?P<secret>{_BODY}{{64}}{_BODY}*)",
        _KEY_FIX,
        3.5,
        bounded=False,
        placeholders=False,
        lines=True,
    )


KEYS: Final[tuple[Rule, ...]] = (
    _private_key("rsa", "RSA", "RSA "),
    _private_key("ec", "EC", "EC "),
    _private_key("dsa", "DSA", "DSA "),
    _private_key("openssh", "OpenSSH", "OPENSSH "),
    _private_key("pkcs8", "PKCS #8", ""),
    replace(
        _private_key("pkcs8-encrypted", "PKCS #8, encrypted", "ENCRYPTED "),
        severity="medium",
    ),
    Rule(
        "secret-private-key-pem-encrypted",
        "private key (PEM, encrypted)",
        "medium",
        ("proc-type: 4,encrypted",),
        r"Proc-Type: 4,ENCRYPTED(?:\s|\\[nr])+DEK-Info: [A-Z0-9-]{3,40},[0-9A-Fa-f]{16,64}"
        rf"(?P<secret>{_BODY}{{64}}{_BODY}*)",
        _KEY_FIX,
        3.5,
        bounded=False,
        placeholders=False,
        lines=True,
    ),
    Rule(
        "secret-private-key-pgp",
        "private key (PGP)",
        "critical",
        ("begin pgp private key block",),
        r"-----BEGIN PGP PRIVATE KEY BLOCK-----(?P<secret>[^-]{100}[^-]*)",
        _KEY_FIX,
        3.5,
        bounded=False,
        placeholders=False,
        lines=True,
    ),
    Rule(
        "secret-private-key-putty",
        "private key (PuTTY)",
        "critical",
        ("private-lines:",),
        rf"Private-Lines: [0-9]{{1,4}}(?P<secret>{_BODY}{{64}}{_BODY}*)",
        _KEY_FIX,
        3.5,
        bounded=False,
        placeholders=False,
        lines=True,
    ),
    Rule(
        "secret-private-key-openvpn",
        "static key (OpenVPN)",
        "critical",
        ("openvpn static key",),
        rf"-----BEGIN OpenVPN Static key V1-----(?P<secret>(?:\s|\\[nr]|{HEX}){{200}}"
        rf"(?:\s|\\[nr]|{HEX})*)",
        _KEY_FIX,
        2.5,
        bounded=False,
        placeholders=False,
        lines=True,
    ),
    Rule(
        "secret-private-key-wireguard",
        "private key (WireGuard)",
        "critical",
        ("privatekey",),
        r"PrivateKey[ \t]*=[ \t]*(?P<secret>[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)",
        _KEY_FIX,
        3.8,
        bounded=False,
    ),
    Rule(
        "secret-private-key-jwk",
        "private key (JSON Web Key)",
        "critical",
        ('"kty"',),
        rf'"d"\s{{0,8}}:\s{{0,8}}"(?P<secret>{WORD}{{43,700}})"',
        _KEY_FIX,
        4.0,
        bounded=False,
    ),
)

_LOCAL: Final = r"@(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\]|(?:[A-Za-z0-9.-]+\.)?example\.)"
_WORDS: Final = frozenset(
    {
        *("admin", "changeit", "guest", "pass", "passwd", "password", "postgres", "pw", "pwd"),
        *("mysql", "root", "redis", "rabbitmq", "secret", "test", "user", "username", "mongo"),
        *("token", "mypassword", "yourpassword", "hunter2", "s3cret", "pass123", "key", "none"),
        *("null", "true", "false", "string", "required", "optional", "sensitive", "value"),
    }
)
_USER: Final = r"[A-Za-z0-9_.%+~-]{0,80}"
_BEFORE_AT: Final = r"[^\s:/@'\"`<>{}\\\[\]()|,;]{4,200}"
_BETWEEN: Final = (
    r"(?P<secret>" + _BEFORE_AT + r")@(?:[A-Za-z0-9_.-]{1,200}|\[[0-9a-fA-F:.]{2,45}\])"
)


def _url(name: str, title: str, schemes: str, words: tuple[str, ...], where: str) -> Rule:
    severity: Severity = "high"
    return Rule(
        f"secret-{name}",
        title,
        severity,
        words,
        rf"(?i:{schemes})://{_USER}:{_BETWEEN}",
        renew(where),
        1.5,
        bounded=False,
        common=_WORDS,
        unless=_LOCAL,
    )


_DATABASE: Final = "change the database user's password"

URLS: Final[tuple[Rule, ...]] = (
    _url(
        "postgres-url",
        "PostgreSQL address with a password",
        r"postgres(?:ql)?(?:\+[a-z0-9]{2,12})?",
        ("postgres",),
        _DATABASE,
    ),
    _url(
        "mysql-url",
        "MySQL or MariaDB address with a password",
        r"(?:mysql|mariadb)(?:x|2)?(?:\+[a-z0-9]{2,12})?",
        ("mysql", "mariadb"),
        _DATABASE,
    ),
    _url(
        "mongodb-url",
        "MongoDB address with a password",
        r"mongodb(?:\+srv)?",
        ("mongodb://", "mongodb+srv://"),
        _DATABASE,
    ),
    _url("redis-url", "Redis address with a password", "rediss?", ("redis",), _DATABASE),
    _url("amqp-url", "AMQP address with a password", "amqps?", ("amqp",), "the broker's users"),
    _url(
        "mssql-url",
        "SQL Server address with a password",
        r"(?:mssql|sqlserver)(?:\+[a-z0-9]{2,12})?",
        ("mssql", "sqlserver"),
        _DATABASE,
    ),
    _url(
        "clickhouse-url",
        "ClickHouse address with a password",
        r"clickhouse(?:\+[a-z0-9]{2,12})?",
        ("clickhouse",),
        _DATABASE,
    ),
    _url(
        "smtp-url", "mail server address with a password", "smtps?", ("smtp",), "the mail account"
    ),
    _url("ftp-url", "FTP address with a password", "s?ftps?", ("ftp",), "the server's users"),
    _url("ldap-url", "LDAP address with a password", "ldaps?", ("ldap",), "the directory's users"),
    _url(
        "http-url",
        "web address with a password or token",
        "https?",
        ("http://", "https://"),
        "the account that it belongs to",
    ),
    Rule(
        "secret-jdbc-url",
        "JDBC address with a password",
        "high",
        ("jdbc:",),
        r"jdbc:[a-z0-9:+]{2,30}:[^\s\"'<>]{3,300}[?&;](?i:password)="
        r"(?P<secret>[^\s&;\"'<>{}$]{4,100})",
        renew(_DATABASE),
        1.5,
        bounded=False,
        common=_WORDS,
        unless=r"//(?:localhost|127\.0\.0\.1)",
    ),
    Rule(
        "secret-connection-string",
        "connection string with a password",
        "high",
        ("password=", "pwd="),
        r"(?i:(?:server|data source|host|addr)=[^;\"'\r\n]{2,200};(?:[^;\"'\r\n]{2,100};){0,8}"
        r"\s{0,4}(?:password|pwd)=)(?P<secret>[^;\"'\s{}$<>]{4,100})",
        renew(_DATABASE),
        1.5,
        bounded=False,
        common=_WORDS,
        unless=r"(?i)=\s*(?:localhost|127\.0\.0\.1|\.)\s*;",
    ),
)

TOKENS: Final[tuple[Rule, ...]] = (
    shaped(
        "jwt",
        "JSON Web Token",
        (".eyj",),  # of its second part: base64 holds no dots, and the first three letters often
        rf"(?P<secret>eyJ{WORD}{{10,1000}}\.eyJ{WORD}{{10,1000}}{WORD}{{0,1000}}\.{WORD}{{20,1000}})",
        "end the session or change the key that signed it",
        severity="high",
        entropy=3.8,
        shown=3,
    ),
    shaped(
        "docker-config-auth",
        "registry login in a Docker configuration",
        ('"auth"',),
        r'"auth"\s{0,8}:\s{0,8}"(?P<secret>[A-Za-z0-9+/]{16,400}={0,2})"',
        "the registry's access tokens",
        bounded=False,
    ),
    shaped(
        "netrc-password",
        "password in a netrc file",
        ("machine ",),
        r"machine\s+[A-Za-z0-9_.-]{1,200}\s+login\s+\S{1,200}\s+password\s+"
        r"(?P<secret>[^\s\"'<>{}$]{6,200})",
        "the account that it belongs to",
        entropy=2.5,
        bounded=False,
    ),
    shaped(
        "basic-auth-header",
        "HTTP basic authentication header",
        ("basic ",),
        r"(?i:authorization)[\"']?\s{0,4}[:=,]\s{0,4}[\"']?(?i:basic) "
        r"(?P<secret>[A-Za-z0-9+/]{12,300}={0,2})",
        "the account that it belongs to",
        bounded=False,
    ),
    shaped(
        "password-hash",
        "password hash of a Unix account",
        ("$6$", "$5$", "$y$", "$2a$", "$2b$", "$2y$"),
        r"(?P<secret>\$(?:6|5)\$(?:rounds=[0-9]{1,9}\$)?[A-Za-z0-9./]{1,16}\$[A-Za-z0-9./]{43,86}"
        r"|\$y\$[A-Za-z0-9./]{1,20}\$[A-Za-z0-9./]{1,86}\$[A-Za-z0-9./]{43}"
        r"|\$2[aby]\$[0-9]{2}\$[A-Za-z0-9./]{53})",
        "set another password",
        severity="medium",
        entropy=3.8,
    ),
    shaped(
        "rails-master-key",
        "Rails master key",
        ("rails_master_key", "secret_key_base"),
        rf"(?i:rails_master_key|secret_key_base){ASSIGNED}(?P<secret>{HEX}{{128}}|{HEX}{{32}}){END}",
        "rails credentials: make a new key and encrypt anew",
        bounded=False,
    ),
    shaped(
        "laravel-app-key",
        "Laravel application key",
        ("app_key",),
        r"APP_KEY[ \t]*[=:][ \t]*[\"']?(?P<secret>base64:[A-Za-z0-9+/]{43}=)",
        "php artisan key:generate",
        bounded=False,
    ),
    shaped(
        "django-secret-key",
        "Django secret key",
        ("django-insecure-",),
        r"(?P<secret>django-insecure-[A-Za-z0-9!@#$%^&*()_=+-]{50})",
        "set another SECRET_KEY from the environment",
        severity="medium",
        shown=4,
    ),
)


def _guess(
    name: str,
    title: str,
    words: tuple[str, ...],
    body: str,
    entropy: float,
    names: str = "",
) -> Rule:
    any_word = names or "|".join(words)
    return Rule(
        f"secret-generic-{name}",
        title,
        "low",
        words,
        f"(?i:{any_word})[A-Za-z0-9_.-]{{0,20}}{ASSIGNED}(?P<secret>{body})",
        "if it is a secret, renew it and keep it in a secret store; if not, nothing is to be done",
        entropy,
        advice=True,
        bounded=False,
        common=_WORDS,
    )


_QUOTED: Final = r"[^\s\"'`<>{}$\\(),;]"
GUESSES: Final[tuple[Rule, ...]] = (
    _guess("password", "possible password", ("passw", "passphrase"), f"{_QUOTED}{{8,128}}", 3.0),
    _guess("secret", "possible secret", ("secret",), r"[A-Za-z0-9+/_=.~-]{16,256}", 3.6),
    _guess("token", "possible token", ("token",), r"[A-Za-z0-9+/_=.~-]{20,400}", 3.7),
    _guess(
        "api-key",
        "possible API key",
        ("api_key", "apikey", "api-key", "access_key", "accesskey", "private_key", "auth_key"),
        r"[A-Za-z0-9+/_=.~-]{16,256}",
        3.5,
    ),
    _guess(
        "credential", "possible credential", ("credential",), r"[A-Za-z0-9+/_=.~-]{16,256}", 3.6
    ),
    Rule(
        "secret-generic-bearer",
        "possible bearer token",
        "low",
        ("bearer ",),
        rf"(?i:bearer) (?P<secret>{ALNUM}[A-Za-z0-9+/_=.~-]{{19,400}})",
        "if it is a secret, renew it and keep it in a secret store; if not, nothing is to be done",
        3.6,
        advice=True,
        bounded=False,
        common=_WORDS,
    ),
)
